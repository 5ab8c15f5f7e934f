"""From what rules and hooks decided, and from emergency passthroughs, to security findings. Pure; bytes are in `lines`.

Source: Open Cybersecurity Schema Framework 1.8.0, class `detection_finding` (2004) with the profile `security_control`
(https://schema.ocsf.io/1.8.0/classes/detection_finding). Rules and places, never what matched.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import msgspec

from schemas.codec import Malformed, open_fact
from schemas.envelope import Fact
from schemas.facts.traffic import HookDecided, HooksDecided, RequestBypassed, RequestScreened
from schemas.ocsf.event import CAPTIONS, HIGH, LOW, MEDIUM, Actor, Event, Metadata, Named, metadata_of
from schemas.ocsf.switching import TURNED, EntityManagement, switch_of
from schemas.screening.model import SEVERITIES, TOO_MANY_HITS, strictness

CLASS_UID = 2004
SCREENED, HOOKS, BYPASSED = "request.screened.v1", "hook.decided.v1", "request.bypassed.v1"
FINDINGS = frozenset({SCREENED, HOOKS, BYPASSED, TURNED})
_CREATE = 1
_NEW = 1
_APPROVE = b"approve"
_MOST_RULES = 50

_BY_SEVERITY = {"warn": LOW, "soft": MEDIUM, "hard": HIGH}
_BY_ACTION = {
    "approve": (LOW, 1, "Allowed", 1, "Allowed"),
    "flag": (LOW, 3, "Observed", 15, "Detected"),
    "redact": (MEDIUM, 4, "Modified", 11, "Corrected"),
    "block": (HIGH, 2, "Denied", 2, "Blocked"),
}
"""Severity where hits do not tell it, action and disposition, each with its caption."""


class FindingInfo(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    uid: str
    """Id of the fact."""
    title: str
    types: tuple[str, ...] = ()
    """Categories of the rules, or kinds of the hooks."""


class Told(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What OCSF has no place for. `log_sequence` and `log_index` are the place of the fact in TRAFFIC."""

    log_sequence: int
    log_index: int
    kind: str
    """`rules`, `hooks` or `bypass`."""
    stage: str = ""
    action: str = ""
    pack: str = ""
    """Version of the rules."""
    rules: dict[str, int] = {}
    """Rule -> hits, of the rules with the most."""
    hits: int = 0
    characters: int = 0
    allowed: int = 0
    hooks: tuple[dict[str, str], ...] = ()
    """Of each that objected or failed: hook, kind, decision, action, rule, reason."""
    bypass: tuple[str, ...] = ()
    passthroughs: tuple[str, ...] = ()
    severity: str = ""
    """`hard`, `soft` or `warn`: the most severe of what rules hit, as the policy has it."""


class DetectionFinding(Event, frozen=True, gc=False):
    """One event."""

    finding_info: FindingInfo
    metadata: Metadata
    actor: Actor
    message: str
    action_id: int
    action: str
    disposition_id: int
    disposition: str
    unmapped: Told
    is_alert: bool = False
    firewall_rule: Named | None = None


def is_finding(fact: Fact) -> bool:
    """Whether there is something to tell, seen without reading all of the fact: most approve."""
    if fact.type not in FINDINGS:
        return False
    if fact.type in (BYPASSED, TURNED):
        return True
    data = bytes(fact.data)
    # MessagePack: an array of few, in it a short string, which is the stage, and another one, which is the action
    action = 2 + (data[1] & 0x1F) if len(data) > 1 else 0
    if data[action + 1 : action + 1 + len(_APPROVE)] != _APPROVE:
        return True
    return fact.type == HOOKS and b"abstain" in data and _failed(fact)


def _failed(fact: Fact) -> bool:
    """Whether a hook failed; one that has nothing to say abstains as well, and gives no reason."""
    try:
        said = open_fact(fact)
    except Malformed:
        return True
    return not isinstance(said, HooksDecided) or any(map(_heard, said.decisions))


def _heard(decided: HookDecided) -> bool:
    return strictness(decided.action) > 0 or (decided.decision == "abstain" and decided.reason != "")


def _rank(severity: str) -> int:
    """-1 for none, and for one that a later version may know."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else -1


class _Found(NamedTuple):
    action: str
    rule: str
    title: str
    types: tuple[str, ...]
    told: Told


def _found(fact: Fact, said: msgspec.Struct | None, sequence: int, index: int) -> _Found:
    match said:
        case RequestScreened():
            counts = Counter(hit.rule for hit in said.hits)
            told = Told(
                sequence, index, "rules", said.stage, said.action, said.pack, dict(counts.most_common(_MOST_RULES)),
                len(said.hits), said.characters, said.allowed,
                severity=max((hit.severity for hit in said.hits), key=_rank, default=""),
            )  # fmt: skip
            title = f"compliance rule {said.rule}: {said.action} of a {said.stage}"
            types = tuple(sorted({name.partition(".")[0] for name in counts}))
            return _Found(said.action, said.rule, title, types, told)
        case HooksDecided():
            heard = [each for each in said.decisions if _heard(each)]
            names = ("hook", "kind", "decision", "action", "rule", "reason")
            hooks = tuple({name: getattr(each, name) for name in names if getattr(each, name)} for each in heard)
            told = Told(sequence, index, "hooks", said.stage, said.action, hooks=hooks)
            title = f"hook {', '.join(each.hook for each in heard)}: {said.action} of a {said.stage}"
            rule = next((each.rule for each in heard if each.hook == said.hook), "")
            return _Found(said.action, rule, title, tuple(sorted({each.kind for each in heard})), told)
        case RequestBypassed():
            told = Told(sequence, index, "bypass", bypass=said.bypass, passthroughs=said.passthroughs)
            title = f"an emergency passthrough took a request around {', '.join(said.bypass)}"
            return _Found("flag", "", title, said.bypass, told)
    unread = Told(sequence, index, "unreadable")
    return _Found("flag", "", f"{fact.type}: the data of its fact cannot be read", (), unread)


def _judged(found: _Found) -> tuple[int, bool]:
    """How severe it is, and whether somebody is to be alerted."""
    severity_id, told = _BY_ACTION[found.action][0], found.told
    alert = severity_id >= MEDIUM
    if told.kind == "bypass":
        return HIGH if "hooks" in told.bypass else MEDIUM, True
    if told.severity in _BY_SEVERITY:
        # what was only noted is no alert unless it is hard, and what is only a warning is none whatever was done
        alert = told.severity == "hard" or (alert and told.severity != "warn")
        severity_id = max(_BY_SEVERITY[told.severity], severity_id if found.rule == TOO_MANY_HITS else 0)
    return severity_id, alert


def finding_of(fact: Fact, sequence: int, index: int) -> DetectionFinding | EntityManagement:
    """The event of a fact that `is_finding`; one that cannot be read is told as such."""
    if fact.type == TURNED:
        return switch_of(fact, sequence, index)
    try:
        said = open_fact(fact)
    except Malformed:
        said = None
    found = _found(fact, said, sequence, index)
    _, action_id, action, disposition_id, disposition = _BY_ACTION[found.action]
    severity_id, alert = _judged(found)
    return DetectionFinding(
        activity_id=_CREATE,
        activity_name="Create",
        category_uid=2,
        category_name="Findings",
        class_uid=CLASS_UID,
        class_name="Detection Finding",
        type_uid=CLASS_UID * 100 + _CREATE,
        time=fact.time // 1000,
        severity_id=severity_id,
        severity=CAPTIONS[severity_id],
        status_id=_NEW,
        status="New",
        finding_info=FindingInfo(fact.id, found.title, found.types),
        metadata=metadata_of(fact, sequence, ("security_control",)),
        actor=Actor(app_name=fact.actor),
        message=found.title,
        action_id=action_id,
        action=action,
        disposition_id=disposition_id,
        disposition=disposition,
        unmapped=found.told,
        is_alert=alert,
        firewall_rule=Named(uid=found.rule) if found.rule else None,
    )  # fmt: skip
