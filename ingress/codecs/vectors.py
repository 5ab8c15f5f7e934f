"""Vectors inside answers, as numbers or base64, and the texts they are asked for. No wire format lives here."""

from __future__ import annotations

import base64
import binascii
import struct
from typing import Any

from schemas.conversation.ask import Embed
from schemas.errors import InvalidRequest

MOST = struct.unpack("<f", b"\xff\xff\x7f\x7f")[0]
"""The largest 32-bit float: what callers may want a vector in."""


def read_vector(value: Any) -> tuple[float, ...]:
    """Numbers as they are, or base64 of little-endian 32-bit floats.

    Raises:
        ValueError: neither.
    """
    if isinstance(value, str):
        try:
            raw = base64.b64decode(value, validate=True)
            return struct.unpack(f"<{len(raw) // 4}f", raw)
        except (binascii.Error, struct.error):
            raise ValueError("not a vector in base64") from None
    if not isinstance(value, list) or not all(
        isinstance(number, (int, float)) and not isinstance(number, bool) and abs(number) <= MOST for number in value
    ):
        raise ValueError("not a vector")
    return tuple(float(number) for number in value)


def write_vector(vector: tuple[float, ...], *, as_base64: bool) -> Any:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() if as_base64 else list(vector)


def texts_of(ask: Embed, provider: str) -> list[str]:
    """The texts, for providers that take no tokens.

    Raises:
        InvalidRequest: the caller cut them into tokens itself, which only the tokenizer's own provider can read.
    """
    if ask.tokens:
        raise InvalidRequest(
            f"'input' must be texts for this model: {provider} takes no tokens of another provider.",
            code="endpoint_unsupported",
            param="input",
        )
    return list(ask.texts)
