"""Places in a listing, as text that callers hand back unread. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib

import msgspec

from schemas.errors import InvalidRequest

_VERSION = 1
_CHECK = 8


def encode(place: tuple[int, int], query: bytes) -> str:
    """A cursor behind a row's (sequence, position); it fits only the query (its filters, in bytes) it was made for."""
    body = msgspec.msgpack.encode((_VERSION, *place))
    return base64.urlsafe_b64encode(_check(body, query) + body).decode().rstrip("=")


def decode(text: str, query: bytes) -> tuple[int, int]:
    """The place in a cursor.

    Raises:
        InvalidRequest: it was not made by `encode`, or for another query.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        check, body = raw[:_CHECK], raw[_CHECK:]
        if check != _check(body, query):
            raise ValueError
        version, sequence, position = msgspec.msgpack.decode(body, type=tuple[int, int, int])
        if version != _VERSION:
            raise ValueError
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise InvalidRequest(
            "cursor does not belong to this query: pass next_cursor of the page before, with the same filters",
            param="cursor",
        ) from None
    return sequence, position


def _check(body: bytes, query: bytes) -> bytes:
    return hashlib.blake2b(body + b"\x00" + query, digest_size=_CHECK, person=b"nexus cursor").digest()
