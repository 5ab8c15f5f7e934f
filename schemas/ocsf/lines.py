"""Security events as lines of NDJSON, and which fact a line tells of. Pure."""

from __future__ import annotations

import msgspec

from schemas.envelope import Fact
from schemas.facts.traffic import ends_request
from schemas.ocsf.checkpoint import ANNOUNCED, HANDED_OVER, EventLogActivity, checkpoint_of, handover_of
from schemas.ocsf.event import ApiActivity
from schemas.ocsf.finding import DetectionFinding, finding_of, is_finding
from schemas.ocsf.mapping import event_of
from schemas.ocsf.switching import EntityManagement

SecurityEvent = ApiActivity | EventLogActivity | DetectionFinding | EntityManagement

_encode = msgspec.json.Encoder().encode


def is_told(fact: Fact, tenant: str | None) -> bool:
    """Whether a SIEM is told of this fact: how a request ended, or what rules, hooks and switches decided.

    Args:
        tenant: of whom it is told; of everybody when None. Announced checkpoints, and which key signs them, are for
            every target.
    """
    if fact.type in (ANNOUNCED, HANDED_OVER):
        return True
    return (tenant is None or fact.tenant == tenant) and (ends_request(fact.type) or is_finding(fact))


def security_event_of(fact: Fact, sequence: int, index: int) -> SecurityEvent:
    """The event of a fact that `is_told`, at its place in TRAFFIC; one that cannot be read is told as such."""
    if fact.type == ANNOUNCED:
        return checkpoint_of(fact, sequence, index)
    if fact.type == HANDED_OVER:
        return handover_of(fact, sequence, index)
    return event_of(fact, sequence, index) if ends_request(fact.type) else finding_of(fact, sequence, index)


def line_of(event: SecurityEvent) -> bytes:
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


def resent_line_of(event: SecurityEvent) -> bytes:
    """The same, marked as sent again on demand: `unmapped.resent` is true. `metadata.uid` stays, to drop doubles by."""
    told = msgspec.to_builtins(event)
    told["unmapped"]["resent"] = True
    return _encode(told) + b"\n"
