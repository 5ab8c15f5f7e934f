"""The envelope of a fact, and the segment that carries facts. Shapes only; bytes are made in `codec`."""

from __future__ import annotations

import msgspec

SEGMENT_FORMAT = 1
GENESIS = b"\x00" * 32
"""`previous` of the first segment of a chain."""


class Fact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One thing that happened. On the wire a positional array; fields are only ever appended, with defaults.

    `data` is the fact's own struct, still encoded: a reader decodes what it knows and needs, and what it does not know
    passes through unharmed.
    """

    id: str
    """UUIDv7."""
    time: int
    """Microseconds since the epoch."""
    tenant: str
    actor: str
    """Who caused it: `key:<id>`, `admin:<name>`, `worker:<name>`."""
    correlation: str
    """The request, command or job that this belongs to."""
    causation: str
    """Id of the fact that led to this one, or empty."""
    type: str
    """Name and version, such as `request.completed.v1`."""
    data: msgspec.Raw


class Segment(msgspec.Struct, frozen=True, array_like=True):
    """What one message of the log holds: facts of one writer, linked to the writer's segment before.

    A chain is all segments of (stream, writer, boot) in the order of `number`, gap-free from 1; on CONFIG and LEDGER
    (`chain="subject"` in `topology`) it is all segments of one subject, and `number` is the version of that subject.
    `previous` is the SHA-256 of the bytes of the segment before, `GENESIS` for the first.
    """

    format: int
    subject: str
    writer: str
    boot: str
    number: int
    previous: bytes
    facts: list[Fact]


class SegmentHead(msgspec.Struct, frozen=True, array_like=True):
    """A segment without its facts, for those who only follow chains."""

    format: int
    subject: str
    writer: str
    boot: str
    number: int
    previous: bytes


class Position(msgspec.Struct, frozen=True, order=True):
    """A place in one stream: the sequence number of a message, 1 for the first."""

    stream: str
    sequence: int

    def __str__(self) -> str:
        return f"{self.stream}:{self.sequence}"


def parse_position(text: str) -> Position:
    """Reads `STREAM:SEQUENCE`.

    Raises:
        ValueError: the text has another form.
    """
    stream, _, number = text.partition(":")
    if not stream.isupper() or not number.isdecimal():
        raise ValueError(f"a position has the form STREAM:SEQUENCE, not {text[:40]!r}")
    return Position(stream, int(number))
