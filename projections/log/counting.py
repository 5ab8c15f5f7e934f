"""Completeness: what writers counted themselves against what of theirs is on the log, and who went silent. Pure."""

from __future__ import annotations

import msgspec

from schemas.chain import ChainFault
from schemas.codec import Malformed, open_fact
from schemas.envelope import Fact, Segment
from schemas.facts.traffic import RequestAccepted, WriterBeat, WriterClosed
from schemas.registry import NAME_OF

_ACCEPTED = NAME_OF[RequestAccepted]
_COUNTED = frozenset({NAME_OF[WriterBeat], NAME_OF[WriterClosed]})


class Unclosed(msgspec.Struct, frozen=True):
    """A writer that has not said that it stopped: it is alive, or it crashed after its last segment.

    Up to its last count nothing it took in is missing, unless a fault says so. What it took in later shows as far as it
    was acknowledged; of what was not, no answer has left the gateway unless a spool took it that has yet to be read.
    """

    writer: str
    boot: str
    sequence: int
    """Of its last segment."""
    last_us: int
    """When the log stored that."""
    counted: int | None
    """Requests it had accepted by its last count, all of them here; None when it never counted."""
    counted_us: int
    """When the log stored that count; 0 for never."""
    since: int
    """Requests of it that are here after that."""
    superseded: bool
    """Whether the same writer was started anew, so that this start of it is certainly over."""


class _Life(msgspec.Struct):
    writer: str
    boot: str
    known: bool
    """Whether `accepted` is comparable: the chain was seen from its beginning, or from a count on."""
    accepted: int = 0
    counted: int | None = None
    counted_us: int = 0
    since: int = 0
    sequence: int = 0
    last_us: int = 0
    closed: bool = False


class Counts:
    """Follows the writers of requests of one stream, segment by segment."""

    def __init__(self) -> None:
        self._lives: dict[tuple[str, str], _Life] = {}

    def take(self, segment: Segment, sequence: int, time_us: int) -> ChainFault | None:
        """Adds the next segment; at a writer's count, whether the log has as many requests as it counted."""
        name = segment.writer, segment.boot
        life = self._lives.get(name)
        fault: ChainFault | None = None
        for fact in segment.facts:
            if fact.type != _ACCEPTED and fact.type not in _COUNTED:
                continue
            if life is None:
                life = self._lives[name] = _Life(segment.writer, segment.boot, known=segment.number == 1)
            if fact.type == _ACCEPTED:
                life.accepted += 1
                life.since += 1
            else:
                fault = _held(life, fact, segment.number, time_us) or fault
        if life is not None:
            life.sequence, life.last_us = sequence, time_us
        return fault

    def unclosed(self) -> list[Unclosed]:
        """Writers of requests that have not said they stopped, in the order of their last segments."""
        newest: dict[str, str] = {}
        for writer, boot in self._lives:
            newest[writer] = max(newest.get(writer, ""), boot)
        return [
            Unclosed(
                life.writer, life.boot, life.sequence, life.last_us, life.counted, life.counted_us, life.since,
                # boots are UUIDv7, so their order is that of their starts
                superseded=life.boot < newest[life.writer],
            )
            for life in sorted(self._lives.values(), key=lambda life: life.sequence)
            if not life.closed
        ]  # fmt: skip


def _held(life: _Life, fact: Fact, number: int, time_us: int) -> ChainFault | None:
    try:
        said = open_fact(fact)
    except Malformed:
        return None  # whoever wrote this wrote it so: its chain says whether it was changed since
    if not isinstance(said, WriterBeat | WriterClosed) or (isinstance(said, WriterBeat) and not said.exact):
        return None
    found, known = life.accepted, life.known
    life.known, life.accepted = True, said.admitted
    life.counted, life.counted_us, life.since = said.admitted, time_us, 0
    life.closed = isinstance(said, WriterClosed)
    if not known or said.admitted == found:
        return None
    kind = "removed" if found < said.admitted else "inserted"
    return ChainFault(kind, number, f"its writer accepted {said.admitted} requests, {found} are here")
