"""Access tokens: the request for one, and what its answer says. Pure; the fetching is the gateway's."""

from __future__ import annotations

import msgspec

MAX_LIFETIME_S = 86_400.0


class BadCredential(ValueError):
    """A credential that cannot be presented. The text says what it must be and quotes nothing of it."""


class TokenRequest(msgspec.Struct, frozen=True):
    """One HTTP request, to anywhere."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def __repr__(self) -> str:
        # a body is a secret, and so may be a header
        return f"TokenRequest({self.method} {self.url})"


class Token(msgspec.Struct, frozen=True):
    """An access token and for how long it may be used."""

    text: str
    lifetime_s: float

    def __repr__(self) -> str:
        return f"Token(lifetime_s={self.lifetime_s})"


class _Told(msgspec.Struct):
    access_token: str
    expires_in: float = 3_600.0

    def __repr__(self) -> str:
        return "_Told()"


def read_token(raw: bytes) -> Token:
    """An answer of RFC 6749, 5.1.

    Raises:
        BadCredential: it is none, or its token could not stand in a header.
    """
    try:
        # some tell the number as a text
        told = msgspec.json.decode(raw, type=_Told, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise BadCredential("the token server's answer is no token") from None
    text = told.access_token
    if not text or not text.isascii() or not text.isprintable() or not told.expires_in > 0:
        raise BadCredential("the token server's answer is no token")
    return Token(text, min(told.expires_in, MAX_LIFETIME_S))
