"""From a terminal fact to its security event. Pure; shapes are in `event`, bytes in `lines`."""

from __future__ import annotations

import msgspec

from schemas.codec import Malformed, open_fact
from schemas.envelope import Fact
from schemas.facts.traffic import Terminal
from schemas.ocsf.event import (
    CAPTIONS,
    HIGH,
    INFORMATIONAL,
    LOW,
    MEDIUM,
    PROFILES,
    Actor,
    AiModel,
    Api,
    ApiActivity,
    Endpoint,
    HttpRequest,
    HttpResponse,
    MessageContext,
    Named,
    RequestElements,
    ResponseElements,
    Unmapped,
    Url,
    metadata_of,
)

CATEGORY_UID = 6
CLASS_UID = 6003

UNKNOWN, CREATE, READ, OTHER = 0, 1, 2, 99
SUCCESS, FAILURE = 1, 2
ALLOWED, DENIED, OBSERVED, MODIFIED = 1, 2, 3, 4

_ACTIVITIES = {UNKNOWN: "Unknown", CREATE: "Create", READ: "Read", OTHER: "Other"}
_ACTIONS = {UNKNOWN: "Unknown", ALLOWED: "Allowed", DENIED: "Denied", OBSERVED: "Observed", MODIFIED: "Modified"}
_DISPOSITIONS = {
    0: "Unknown", 1: "Allowed", 2: "Blocked", 11: "Corrected", 15: "Detected", 25: "Rejected", 26: "Unauthorized",
    27: "Error",
}  # fmt: skip

_GATEWAY = Named("nexus-gateway")
_NOBODY = Endpoint("unknown")
_ASSISTANT = 2
_OPERATIONS = {
    "chat.completions": (CREATE, "POST", Url("/v1/chat/completions")),
    "models.list": (READ, "GET", Url("/v1/models")),
}
_BY_ACTION = {
    "flag": (LOW, OBSERVED, 15, False),
    "redact": (MEDIUM, MODIFIED, 11, True),
    "block": (HIGH, DENIED, 2, True),
}
"""Severity, action, disposition and whether somebody should look, by what screening did."""


def event_of(fact: Fact, sequence: int, index: int) -> ApiActivity:
    """The event of a terminal fact at its place in TRAFFIC.

    A fact whose data cannot be read still becomes an event, of what the envelope says: an auditor must see it.
    """
    try:
        end = open_fact(fact)
    except Malformed:
        end = None
    return opened_event_of(fact, end, sequence, index)


def opened_event_of(fact: Fact, end: msgspec.Struct | None, sequence: int, index: int) -> ApiActivity:
    """The same of a fact that has been read already; None when it cannot be."""
    kind = fact.type.split(".")[1]
    if not isinstance(end, Terminal):
        return _unreadable(fact, kind, sequence, index)
    activity_id, method, url = _OPERATIONS.get(end.operation, (OTHER if end.operation else UNKNOWN, "", None))
    severity_id, action_id, disposition_id, is_alert = _judged(kind, end)
    status_id, status = _status(kind, end)
    latency_ms = end.latency_us // 1000
    usage = end.usage
    account = Named(end.account) if end.account else None
    return ApiActivity(
        activity_id=activity_id,
        activity_name=_ACTIVITIES[activity_id] if activity_id != OTHER else end.operation,
        category_uid=CATEGORY_UID,
        category_name="Application Activity",
        class_uid=CLASS_UID,
        class_name="API Activity",
        type_uid=CLASS_UID * 100 + activity_id,
        time=fact.time // 1000,
        start_time=end.started_us // 1000,
        end_time=(end.started_us + end.latency_us) // 1000,
        duration=latency_ms,
        severity_id=severity_id,
        severity=CAPTIONS[severity_id],
        status_id=status_id,
        status=status,
        status_code=end.code or (str(end.status) if end.status else ""),
        status_detail=end.stage,
        message=f"{end.operation or 'request'} {kind}",
        action_id=action_id,
        action=_ACTIONS[action_id],
        disposition_id=disposition_id,
        disposition=_DISPOSITIONS[disposition_id],
        is_alert=is_alert,
        firewall_rule=Named(uid=end.rule) if end.rule else None,
        metadata=metadata_of(fact, sequence, PROFILES),
        actor=Actor(
            app_uid=end.key_id,
            app_name="" if end.key_id else fact.actor,
            user=Named(uid=end.subject) if end.subject else None,
        ),
        api=Api(
            end.operation or "unknown",
            _GATEWAY,
            RequestElements(fact.correlation),
            ResponseElements(end.status, end.code) if end.status else None,
        ),
        src_endpoint=Endpoint(end.key_id) if end.key_id else _NOBODY,
        dst_endpoint=Endpoint(end.account) if account else None,
        http_request=HttpRequest(fact.correlation, method, url, end.request_bytes) if url else None,
        http_response=HttpResponse(end.status, latency_ms, end.response_bytes) if end.status else None,
        ai_model=AiModel(end.model, end.account) if end.model and account else None,
        message_context=MessageContext(
            account, usage.input_tokens, usage.output_tokens, usage.input_tokens + usage.output_tokens, _ASSISTANT
        )
        if account
        else None,
        unmapped=Unmapped(
            sequence,
            index,
            kind,
            end.account,
            end.model,
            end.model_requested,
            end.key_prefix,
            end.route,
            end.stage,
            end.status,
            end.code,
            end.rule,
            end.action,
            end.attempts,
            end.stream,
            end.cache,
            usage.input_tokens,
            usage.output_tokens,
            usage.cached_tokens,
            usage.reasoning_tokens,
            usage.estimated,
            end.cost_micros,
            end.reserved_micros,
            end.budgets,
            end.latency_us,
            end.first_byte_us,
            end.finish_reason,
            end.writer,
            end.boot,
        ),
    )


def _judged(kind: str, end: Terminal) -> tuple[int, int, int, bool]:
    """(severity, action, disposition, alert)."""
    screening = _BY_ACTION.get(end.action)
    if screening is not None and (end.action != "block" or end.code == "content_filtered"):
        return screening
    if end.code == "kill_switch":
        return HIGH, DENIED, 2, True
    if kind != "refused":
        return LOW if kind == "abandoned" else INFORMATIONAL, ALLOWED, 1, False
    if end.status in (401, 403):
        return LOW, DENIED, 26, False
    if end.status >= 500:
        return LOW, UNKNOWN, 27, False
    return LOW, DENIED, 25, False


def _status(kind: str, end: Terminal) -> tuple[int, str]:
    if kind == "completed" and not end.code:
        return SUCCESS, "Success"
    if kind in ("completed", "refused"):
        return FAILURE, "Failure"
    return OTHER, kind.capitalize()


def _unreadable(fact: Fact, kind: str, sequence: int, index: int) -> ApiActivity:
    return ApiActivity(
        activity_id=UNKNOWN,
        activity_name=_ACTIVITIES[UNKNOWN],
        category_uid=CATEGORY_UID,
        category_name="Application Activity",
        class_uid=CLASS_UID,
        class_name="API Activity",
        type_uid=CLASS_UID * 100,
        time=fact.time // 1000,
        severity_id=MEDIUM,
        severity=CAPTIONS[MEDIUM],
        status_id=UNKNOWN,
        status="Unknown",
        status_code="unreadable_fact",
        message=f"request {kind}; the data of its fact cannot be read",
        metadata=metadata_of(fact, sequence, PROFILES),
        actor=Actor(app_name=fact.actor),
        api=Api("unknown", _GATEWAY, RequestElements(fact.correlation)),
        src_endpoint=_NOBODY,
        unmapped=Unmapped(sequence, index, kind),
    )
