"""Wire formats and how each is called. Sockets are in the gateway, bytes in `ingress.codecs`."""

from __future__ import annotations

import msgspec


class Wire(msgspec.Struct, frozen=True):
    """One wire format."""

    chat_path: str
    """Appended to an account's base URL."""
    auth_header: str
    auth_prefix: str
    """In front of the credential in `auth_header`."""


WIRES: dict[str, Wire] = {
    "openai": Wire(chat_path="/chat/completions", auth_header="authorization", auth_prefix="Bearer "),
}
