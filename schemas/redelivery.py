"""What an operator asks a worker about a message in DEAD, and what it answers: plain NATS, not part of the log."""

from __future__ import annotations

import msgspec


class RetryAsked(msgspec.Struct, frozen=True):
    """Apply this message once more."""

    sequence: int
    """In DEAD."""


class RetryAnswered(msgspec.Struct, frozen=True):
    applied: bool
    reason: str = ""
    """Why not, in words for the operator; they quote nothing of the message."""


encode = msgspec.json.Encoder().encode
decode_asked = msgspec.json.Decoder(RetryAsked).decode
decode_answered = msgspec.json.Decoder(RetryAnswered).decode
