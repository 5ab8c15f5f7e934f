"""What a URL that somebody configures must be. Pure text; nothing is resolved or reached."""

from __future__ import annotations

from urllib.parse import urlsplit


def problems_of_url(text: str, field: str, *, query: bool = False) -> list[str]:
    """Why a URL to call is not acceptable; empty when it is. It is not quoted: there may be a password in it.

    Args:
        query: whether it may have one.
    """
    try:
        url = urlsplit(text)
        sound = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        # brackets without an IPv6 address, a port that is none
        sound = False
    if not sound or not text.isprintable() or " " in text:
        return [f"{field} must be an http or https URL"]
    if url.username is not None or url.password is not None or url.fragment or (url.query and not query):
        return [f"{field} must not carry credentials" + (" or a fragment" if query else ", a query or a fragment")]
    return []
