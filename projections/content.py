"""What a table holds, as one number: equal contents give equal hashes, in any order and in any store. No I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BITS = 128
_encode = msgspec.msgpack.Encoder(decimal_format="string").encode


class Contents(msgspec.Struct, frozen=True):
    rows: int
    hash: str
    """128 bits in hex: the sum of the hashes of all rows, so that a row that is there twice counts twice."""


class ContentHash:
    """Takes rows in any order. Rows are equal when their values are, column by column."""

    def __init__(self) -> None:
        self._rows = 0
        self._sum = 0

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        for row in rows:
            encoded = _encode([plain(value) for value in row])
            self._sum += int.from_bytes(hashlib.blake2b(encoded, digest_size=_BITS // 8).digest(), "big")
            self._rows += 1

    @property
    def contents(self) -> Contents:
        return Contents(self._rows, f"{self._sum % 2**_BITS:0{_BITS // 4}x}")


def plain(value: Any) -> Any:
    """A value as it is compared between stores: a time in microseconds since the epoch."""
    if isinstance(value, datetime):
        aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return (aware - _EPOCH) // _MICROSECOND
    return value
