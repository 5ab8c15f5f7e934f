"""Security events as lines of NDJSON, and which fact a line tells of. Pure."""

from __future__ import annotations

import msgspec

from schemas.ocsf.checkpoint import EventLogActivity
from schemas.ocsf.event import ApiActivity
from schemas.ocsf.finding import DetectionFinding
from schemas.ocsf.switching import EntityManagement

_encode = msgspec.json.Encoder().encode


def line_of(event: ApiActivity | EventLogActivity | DetectionFinding | EntityManagement) -> bytes:
    """The event as one line of NDJSON, line feed included."""
    return _encode(event) + b"\n"


class _Place(msgspec.Struct, frozen=True):
    log_sequence: int
    log_index: int


class _Line(msgspec.Struct, frozen=True):
    unmapped: _Place


_line = msgspec.json.Decoder(_Line).decode


def place_of(line: bytes) -> tuple[int, int] | None:
    """(sequence, index) of the fact that a line tells of; None when it is not a whole line of an event."""
    try:
        place = _line(line).unmapped
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return place.log_sequence, place.log_index


def resent_line_of(event: ApiActivity) -> bytes:
    """The same, marked as sent again on demand: `unmapped.resent` is true. `metadata.uid` stays, to drop doubles by."""
    told = msgspec.to_builtins(event)
    told["unmapped"]["resent"] = True
    return _encode(told) + b"\n"
