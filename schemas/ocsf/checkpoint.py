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
from schemas.facts.ops import CheckpointAnnounced, SigningKeyAnnounced, SigningKeyRotated
from schemas.ocsf.event import CAPTIONS, INFORMATIONAL, MEDIUM, Actor, Event, Metadata, metadata_of

CLASS_UID = 1008
ANNOUNCED = "checkpoint.announced.v1"
HANDED_OVER = "signing-key.announced.v1"
KIND, HANDOVER = "checkpoint", "signing-key"
_OTHER, _UNKNOWN = 99, 0
_WHAT = {KIND: "a checkpoint", HANDOVER: "a handover between signing keys"}
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


class Handover(msgspec.Struct, frozen=True, gc=False):
    """The same of a key that lets another one sign from now on. Bytes in hex; signatures Ed25519, of the text of
    `schemas.signing_keys.statement`."""

    log_sequence: int
    log_index: int
    kind: str
    time_us: int = 0
    old_public_key: str = ""
    new_public_key: str = ""
    signed_by_old: str = ""
    signed_by_new: str = ""


class EventLogActivity(Event, frozen=True, gc=False):
    """One event."""

    metadata: Metadata
    actor: Actor
    device: Device
    log_name: str
    log_provider: str
    message: str
    unmapped: Root | Handover
    status_code: str = ""


def checkpoint_of(fact: Fact, sequence: int, index: int) -> EventLogActivity:
    """The event of an announced checkpoint at its place in TRAFFIC; one that cannot be read is told as such."""
    try:
        said = open_fact(fact)
    except Malformed:
        said = None
    if isinstance(said, CheckpointAnnounced):
        root = Root(
            sequence, index, KIND, said.number, said.time_us, said.leaves,
            said.root.hex(), said.public_key.hex(), said.signature.hex(),
        )  # fmt: skip
        return _event(fact, sequence, "Checkpoint", f"checkpoint {said.number} of the log, root {root.root}", root)
    return _event(fact, sequence, "Checkpoint", "", Root(sequence, index, KIND))


def handover_of(fact: Fact, sequence: int, index: int) -> EventLogActivity:
    """The event of an announced handover between signing keys; one that cannot be read is told as such."""
    try:
        said = open_fact(fact)
    except Malformed:
        said = None
    if isinstance(said, SigningKeyAnnounced):
        one = said.handover
        shown = Handover(
            sequence, index, HANDOVER, one.time_us,
            one.old.hex(), one.new.hex(), one.signed_by_old.hex(), one.signed_by_new.hex(),
        )  # fmt: skip
        message = f"checkpoints are signed with {shown.new_public_key} from now on, as {shown.old_public_key} says"
        return _event(fact, sequence, "Signing Key", message, shown)
    return _event(fact, sequence, "Signing Key", "", Handover(sequence, index, HANDOVER))


def _event(fact: Fact, sequence: int, activity: str, message: str, told: Root | Handover) -> EventLogActivity:
    """
    Args:
        message: empty when the fact cannot be read.
    """
    readable = bool(message)
    severity_id = INFORMATIONAL if readable else MEDIUM
    return EventLogActivity(
        activity_id=_OTHER,
        activity_name=activity,
        category_uid=1,
        category_name="System Activity",
        class_uid=CLASS_UID,
        class_name="Event Log Activity",
        type_uid=CLASS_UID * 100 + _OTHER,
        time=(told.time_us or fact.time) // 1000,
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
        message=message or f"{_WHAT[told.kind]} that cannot be read",
        unmapped=told,
    )


class _Line(msgspec.Struct, frozen=True):
    class_uid: int
    unmapped: msgspec.Raw


_line = msgspec.json.Decoder(_Line).decode
_root = msgspec.json.Decoder(Root).decode
_handover = msgspec.json.Decoder(Handover).decode


def announced_in(line: bytes) -> CheckpointAnnounced | SigningKeyRotated | None:
    """What a line of a SIEM says of a checkpoint, or of a key that lets another follow; None for another event.

    Raises:
        Malformed: the line is no event, or tells of a checkpoint or a handover that cannot be read. The text quotes
            nothing of it.
    """
    try:
        event = _line(line)
        if event.class_uid != CLASS_UID:
            return None
        said = _root(event.unmapped)
        if said.kind == HANDOVER:
            return _handed_over(_handover(event.unmapped))
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


def _handed_over(said: Handover) -> SigningKeyRotated:
    found = SigningKeyRotated(
        bytes.fromhex(said.old_public_key), bytes.fromhex(said.new_public_key), said.time_us,
        bytes.fromhex(said.signed_by_old), bytes.fromhex(said.signed_by_new),
    )  # fmt: skip
    if [len(part) for part in (found.old, found.new, found.signed_by_old, found.signed_by_new)] != [32, 32, 64, 64]:
        raise ValueError("keys or signatures of another length")
    return found
