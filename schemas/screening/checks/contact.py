"""The shape of e-mail addresses and telephone numbers. No lookup of domains or carriers."""

from __future__ import annotations

import re

from schemas.screening.checks.numbers import digits

_DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}")
_USERINFO = re.compile(r"://[^/=]*$")
"""The `@` after it parts a user and a password from a host (RFC 3986, 3.2.1)."""
_FILE_ENDINGS = frozenset(
    ("png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "bmp", "pdf", "js", "ts", "css", "py", "json", "html")
)
"""What follows the dot in `icon@2x.png`; none is a top-level domain in mail use."""
_NOT_PERSONS = frozenset({"git", "hg", "svn"})
"""The user of a repository's SSH address, `git@host:path`."""


def email(value: str) -> tuple[int, int] | None:
    """RFC 5321 addresses with a dot-atom and a domain name; leading and trailing punctuation is cut off."""
    local, _, domain = value.rpartition("@")
    if _USERINFO.search(local):
        return None
    name = re.split(r"[^\w.%+-]", local)[-1].lstrip(".-%+")
    if not name or len(name) > 64 or name.endswith(".") or ".." in name or name.lower() in _NOT_PERSONS:
        return None
    found = _DOMAIN.match(domain)
    if found is None or found.group().rpartition(".")[2].lower() in _FILE_ENDINGS:
        return None
    start = len(local) - len(name)
    return start, len(local) + 1 + found.end()


def phone(value: str) -> bool:
    """E.164: 8 to 15 digits after the plus sign, parentheses in pairs."""
    number = "".join(char for char in value if char.isdigit())
    return 8 <= len(number) <= 15 and value.count("(") == value.count(")") and len(set(number)) > 2


def nanp(value: str) -> bool:
    """North American numbers: no area or exchange N11; ten digits after an optional 1."""
    number = digits(value.replace("(", "").replace(")", "")).lstrip("+")
    if len(number) == 11 and number[0] == "1":
        number = number[1:]
    if len(number) != 10 or value.count("(") != value.count(")"):
        return False
    return number[1:3] != "11" and number[4:6] != "11" and len(set(number)) > 2
