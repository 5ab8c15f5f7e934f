"""Clock and identifiers: where time and randomness enter. Nothing else here may read a clock."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time in microseconds since the Unix epoch, and monotonic time in seconds."""

    def now_us(self) -> int: ...

    def monotonic(self) -> float: ...


class SystemClock:
    """The machine's clocks."""

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()


_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""A random digit with the two bits of the variant in it (RFC 9562, section 4.1)."""


class Ids:
    """UUID version 7 (RFC 9562, section 5.7), strictly increasing within one source.

    Bits: 48 of milliseconds, 12 of a counter (method 1 of section 6.2), 62 random. When the clock steps back, the last
    millisecond is kept, so ids never go backwards.
    """

    __slots__ = ("_clock", "_counter", "_entropy", "_millis", "_pool", "_time", "_used")

    def __init__(self, clock: Clock, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._entropy = entropy
        self._millis = -1
        self._time = ""
        """The first digits of all ids of this millisecond, up to the version."""
        self._counter = 0
        self._pool = ""
        self._used = 0

    def new(self, now_us: int = 0) -> str:
        """The next id in canonical text form, 36 characters.

        Args:
            now_us: what the clock has just said; 0 to ask it.
        """
        millis = (now_us or self._clock.now_us()) // 1000
        if millis > self._millis:
            self._begin(millis)
        else:
            self._counter += 1
            if self._counter > 0xFFF:
                self._begin(self._millis + 1)
        used = self._used
        if used >= len(self._pool):
            # one system call for many ids
            self._pool = self._entropy(8 * 64).hex()
            used = 0
        self._used = used + 16
        random = self._pool[used : used + 16]
        return f"{self._time}{self._counter:03x}-{_VARIANT[random[0]]}{random[1:4]}-{random[4:]}"

    def _begin(self, millis: int) -> None:
        digits = f"{millis:012x}"
        self._millis = millis
        self._time = f"{digits[:8]}-{digits[8:]}-7"
        self._counter = 0


def millis_of(identifier: str) -> int:
    """The time in a UUIDv7, in milliseconds since the epoch.

    Raises:
        ValueError: the text is not a UUID of version 7.
    """
    digits = identifier.replace("-", "")
    if len(digits) != 32 or digits[12] != "7":
        raise ValueError("not a UUID of version 7")
    return int(digits[:12], 16)


def iso(time_us: int) -> str:
    """RFC 3339 text in UTC with microseconds."""
    stamp = datetime.fromtimestamp(time_us // 1_000_000, UTC).replace(microsecond=time_us % 1_000_000)
    return stamp.isoformat(timespec="microseconds").replace("+00:00", "Z")


def day_of(time_us: int) -> str:
    """The UTC day of a time, as ``YYYY-MM-DD``."""
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).strftime("%Y-%m-%d")
