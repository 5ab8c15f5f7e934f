"""From a kill switch or a passthrough that was turned to a security event. Pure; bytes are in `lines`.

Source: Open Cybersecurity Schema Framework 1.8.0, class `entity_management` (3004) with the profile `security_control`
(https://schema.ocsf.io/1.8.0/classes/entity_management): somebody has changed a managed thing.
"""

from __future__ import annotations

import msgspec

from schemas.codec import Malformed, open_fact
from schemas.envelope import Fact
from schemas.facts.ops import SwitchTurned
from schemas.ocsf.event import CAPTIONS, HIGH, LOW, MEDIUM, Actor, Event, Metadata, metadata_of

CLASS_UID = 3004
TURNED = "switch.turned.v1"
_ACTIVITIES = {"created": (1, "Create"), "changed": (3, "Update"), "removed": (4, "Delete")}


class ManagedEntity(msgspec.Struct, frozen=True, gc=False):
    uid: str
    name: str
    type: str


class Switched(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What OCSF has no place for. `log_sequence` and `log_index` are the place of the fact in TRAFFIC."""

    log_sequence: int
    log_index: int
    kind: str
    scope: str = ""
    target: str = ""
    bypass: tuple[str, ...] = ()
    until_us: int = 0
    config_sequence: int = 0


class EntityManagement(Event, frozen=True, gc=False):
    """One event."""

    metadata: Metadata
    actor: Actor
    entity: ManagedEntity
    message: str
    unmapped: Switched
    comment: str = ""
    """The reason that was given."""
    is_alert: bool = False


def switch_of(fact: Fact, sequence: int, index: int) -> EntityManagement:
    """The event of a switch at its place in TRAFFIC; one that cannot be read is told as such."""
    try:
        said = open_fact(fact)
    except Malformed:
        said = None
    if not isinstance(said, SwitchTurned):
        said = SwitchTurned("unreadable", "unknown", "changed", fact.actor, 0)
    activity_id, activity = _ACTIVITIES.get(said.happened, (99, said.happened))
    wide = said.scope == "everything" or "hooks" in said.bypass
    severity_id = LOW if said.happened == "removed" else HIGH if wide else MEDIUM
    on = {"created": "is on", "changed": "was changed", "removed": "is off"}.get(said.happened, said.happened)
    return EntityManagement(
        activity_id=activity_id,
        activity_name=activity,
        category_uid=3,
        category_name="Identity & Access Management",
        class_uid=CLASS_UID,
        class_name="Entity Management",
        type_uid=CLASS_UID * 100 + activity_id,
        time=fact.time // 1000,
        severity_id=severity_id,
        severity=CAPTIONS[severity_id],
        status_id=1,
        status="Success",
        metadata=metadata_of(fact, sequence, ("security_control",)),
        actor=Actor(app_name=said.by),
        entity=ManagedEntity(said.id, said.id, said.kind),
        message=f"{said.kind} {said.id} {on}",
        unmapped=Switched(
            sequence, index, said.kind, said.scope, said.target, said.bypass, said.until_us, said.config_sequence
        ),
        comment=said.reason,
        is_alert=severity_id > LOW,
    )  # fmt: skip
