"""From a signed checkpoint to a security event and back: a root of the log for those who keep it elsewhere. Pure.

The class is Event Log Activity (1008): it is about the log itself, the one that SIEM rules about cleared or disabled
logs look at. Application Lifecycle and Entity Management tell of software and of managed things, Datastore Activity of
queries by a caller; none of them is said of a log. Its activities have no name for a checkpoint, hence `Other`.

Source: Open Cybersecurity Schema Framework, class `event_log_actvity` (https://schema.ocsf.io/1.8.0/classes).
"""

from __future__ import annotations

import msgspec

from schemas.codec import Malformed, open_fact
from schemas.envelope import Fact
from schemas.facts.ops import CheckpointAnnounced
from schemas.ocsf.event import CAPTIONS, INFORMATIONAL, MEDIUM, Actor, Event, Metadata, metadata_of

CLASS_UID = 1008
ANNOUNCED = "checkpoint.announced.v1"
KIND = "checkpoint"
_OTHER, _UNKNOWN = 99, 0
_SERVER = 1


class Device(msgspec.Struct, frozen=True, gc=False):
    name: str
    type_id: int
    type: str


class Root(msgspec.Struct, frozen=True, gc=False):
    """What OCSF has no place for. `log_sequence` and `log_index` are the place of the fact in TRAFFIC; bytes in hex."""

    log_sequence: int
    log_index: int
    kind: str
    number: int = 0
    time_us: int = 0
    leaves: int = 0
    root: str = ""
    public_key: str = ""
    signature: str = ""
    """Ed25519, of the text of `schemas.checkpoint.statement`."""


class EventLogActivity(Event, frozen=True, gc=False):
    """One event."""

    metadata: Metadata
    actor: Actor
    device: Device
    log_name: str
    log_provider: str
    message: str
    unmapped: Root
    status_code: str = ""


def checkpoint_of(fact: Fact, sequence: int, index: int) -> EventLogActivity:
    """The event of an announced checkpoint at its place in TRAFFIC; one that cannot be read is told as such."""
    try:
        said = open_fact(fact)
    except Malformed:
        said = None
    readable = isinstance(said, CheckpointAnnounced)
    if isinstance(said, CheckpointAnnounced):
        root = Root(
            sequence, index, KIND, said.number, said.time_us, said.leaves,
            said.root.hex(), said.public_key.hex(), said.signature.hex(),
        )  # fmt: skip
        message, time_us = f"checkpoint {said.number} of the log, root {root.root}", said.time_us
    else:
        root, message, time_us = Root(sequence, index, KIND), "a checkpoint that cannot be read", fact.time
    severity_id = INFORMATIONAL if readable else MEDIUM
    return EventLogActivity(
        activity_id=_OTHER,
        activity_name="Checkpoint",
        category_uid=1,
        category_name="System Activity",
        class_uid=CLASS_UID,
        class_name="Event Log Activity",
        type_uid=CLASS_UID * 100 + _OTHER,
        time=time_us // 1000,
        severity_id=severity_id,
        severity=CAPTIONS[severity_id],
        status_id=1 if readable else _UNKNOWN,
        status="Success" if readable else "Unknown",
        status_code="" if readable else "unreadable_fact",
        metadata=metadata_of(fact, sequence),
        actor=Actor(app_name=fact.actor),
        device=Device("nexus", _SERVER, "Server"),
        log_name="nexus",
        log_provider="Nexus",
        message=message,
        unmapped=root,
    )


class _Line(msgspec.Struct, frozen=True):
    class_uid: int
    unmapped: msgspec.Raw


_line = msgspec.json.Decoder(_Line).decode
_root = msgspec.json.Decoder(Root).decode


def announced_in(line: bytes) -> CheckpointAnnounced | None:
    """What a line of a SIEM says of a checkpoint; None for another event.

    Raises:
        Malformed: the line is no event, or tells of a checkpoint that cannot be read. The text quotes nothing of it.
    """
    try:
        event = _line(line)
        if event.class_uid != CLASS_UID:
            return None
        said = _root(event.unmapped)
        if said.kind != KIND:
            return None
        found = CheckpointAnnounced(
            said.number, said.time_us, said.leaves,
            bytes.fromhex(said.root), bytes.fromhex(said.public_key), bytes.fromhex(said.signature),
        )  # fmt: skip
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        raise Malformed("not an event") from None
    if (len(found.root), len(found.public_key), len(found.signature)) != (32, 32, 64):
        raise Malformed("a checkpoint without a root or a signature")
    return found
