"""What a sink of security events is. The three kinds are in `file`, `http` and `export`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from processors.siem.lines import Line, Place

START: Place = (0, -1)
"""Before everything."""


class Parked(Exception):
    """The target as configured cannot be served; a person has to look. The text is for the log and holds no secret."""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """How far a target is, as kept outside of it. Everything up to `place` is there for good."""

    life: str
    """Id of the fact that created the target: one that was removed and made again begins anew."""
    place: Place
    until: Place | None = None
    """The end of a batch that was about to be sent; a restart sends exactly that batch first."""
    export: int = 0
    """For `stream`: sequence in EXPORT up to which everything of this target is accounted for."""


class Opened(msgspec.Struct, frozen=True):
    """What a sink knows about itself when it is opened."""

    reached: Place | None = None
    """Everything up to here, of this life of the target, is in it."""
    skip: frozenset[Place] = frozenset()
    """Single places beyond that which are in it too."""
    floor: Place = START
    """Nothing up to here may be written again, whatever else is known."""


class Sink(Protocol):
    """Takes lines, in order, until they are there for good. Not to be used by two tasks at once."""

    most_lines: int
    most_bytes: int
    linger_s: float
    """How long a batch may wait for more."""
    repeats: bool
    """Whether it asks for the same batches again after a restart."""
    durable: bool
    """Whether it keeps its own position; then the one outside only follows now and then."""

    async def open(self, stored: Stored | None) -> Opened:
        """
        Raises:
            Parked: it cannot be served as configured.
        """
        ...

    async def send(self, lines: Sequence[Line]) -> int:
        """Returns once they are there, however long that takes; the result is for `Stored.export`."""
        ...

    async def close(self) -> None: ...
