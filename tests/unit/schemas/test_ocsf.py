"""Security events against what the OCSF schema demands of API Activity."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import codec
from schemas.envelope import Fact
from schemas.facts import traffic
from schemas.facts.traffic import (
    RequestAbandoned,
    RequestAborted,
    RequestCompleted,
    RequestRefused,
    SealedBody,
    Terminal,
    Usage,
)
from schemas.ocsf.event import PROFILES, VERSION
from schemas.ocsf.lines import line_of, place_of
from schemas.ocsf.mapping import event_of

# OCSF 1.8.0: attribute -> required ones of the object, written down from the schema's definition files
REQUIRED: dict[str, tuple[str, ...]] = {
    "": (
        "activity_id", "actor", "api", "category_uid", "class_uid", "metadata", "severity_id", "src_endpoint", "time",
        "type_uid",
    ),
    "metadata": ("product", "version"),
    "api": ("operation",),
    "api.request": ("uid",),
    "http_response": ("code",),
    "ai_model": ("ai_provider", "name"),
}  # fmt: skip
AT_LEAST_ONE: dict[str, tuple[str, ...]] = {
    "actor": ("process", "user", "invoked_by", "session", "app_name", "app_uid"),
    "actor.user": ("account", "name", "uid"),
    "metadata.product": ("name", "uid"),
    "api.service": ("name", "uid"),
    "src_endpoint": ("ip", "uid", "name", "hostname", "svc_name"),
    "dst_endpoint": ("ip", "uid", "name", "hostname", "svc_name"),
    "message_context": ("application", "service"),
    "message_context.service": ("name", "uid"),
    "firewall_rule": ("name", "uid"),
}
ENUMERATIONS: dict[str, dict[int, str]] = {
    "activity_id": {0: "Unknown", 1: "Create", 2: "Read", 3: "Update", 4: "Delete", 99: ""},
    "severity_id": {
        0: "Unknown", 1: "Informational", 2: "Low", 3: "Medium", 4: "High", 5: "Critical", 6: "Fatal", 99: "",
    },
    "status_id": {0: "Unknown", 1: "Success", 2: "Failure", 99: ""},
    "action_id": {0: "Unknown", 1: "Allowed", 2: "Denied", 3: "Observed", 4: "Modified", 99: ""},
    "disposition_id": {
        0: "Unknown", 1: "Allowed", 2: "Blocked", 11: "Corrected", 15: "Detected", 25: "Rejected", 26: "Unauthorized",
        27: "Error",
    },
}  # fmt: skip
"""Identifier to caption; an empty caption is the source's own word."""
SIBLING = {"activity_id": "activity_name"}
KNOWN = {
    "activity_id", "activity_name", "actor", "api", "category_name", "category_uid", "class_name", "class_uid",
    "dst_endpoint", "duration", "end_time", "http_request", "http_response", "message", "metadata", "severity",
    "severity_id", "src_endpoint", "start_time", "status", "status_code", "status_detail", "status_id", "time",
    "type_uid", "unmapped", "action", "action_id", "disposition", "disposition_id", "firewall_rule", "is_alert",
    "ai_model", "message_context",
}  # fmt: skip
"""The attributes of the class and its two profiles that Nexus uses."""

BODY = SealedBody("sub_1", "d1", b"nonce of 12.", b"sealed", b"h" * 32, 6)


def terminal(kind: type[Terminal] = RequestCompleted, **fields: Any) -> Terminal:
    usual: dict[str, Any] = {
        "key_id": "key-1", "key_prefix": "nvk_12345678", "subject": "sub_1", "operation": "chat.completions",
        "model_requested": "gpt-4o", "account": "mock", "model": "gpt-4o", "route": "default", "status": 200,
        "action": "approve", "attempts": 1, "usage": Usage(10, 20), "cost_micros": 1_234,
        "started_us": 1_700_000_000_000_000, "latency_us": 12_345, "finish_reason": "stop", "writer": "gw", "boot": "b",
    }  # fmt: skip
    return kind(**(usual | fields))


def fact_of(end: msgspec.Struct) -> Fact:
    return codec.fact(
        end, id="0190-1", time=1_700_000_000_012_345, tenant="demo", actor="key:key-1", correlation="req-1"
    )


def event(end: Terminal) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(line_of(event_of(fact_of(end), 7, 3)))
    return told


def problems(event: dict[str, Any]) -> list[str]:
    """What the schema would object to."""
    found = [f"{name} is no attribute" for name in event.keys() - KNOWN]
    for place, names in REQUIRED.items():
        part = _at(event, place)
        if part is not None:
            found += [f"{place}.{name} is missing" for name in names if name not in part]
    for place, names in AT_LEAST_ONE.items():
        part = _at(event, place)
        if part is not None and not any(part.get(name) for name in names):
            found.append(f"{place} says nothing")
    for name, captions in ENUMERATIONS.items():
        if name in event:
            caption = event.get(SIBLING.get(name, name.removesuffix("_id")), "")
            if event[name] not in captions or (captions[event[name]] or caption) != caption:
                found.append(f"{name} is {event[name]} and called {caption}")
    if (event["category_uid"], event["class_uid"]) != (6, 6003):
        found.append("not API Activity")
    if event["type_uid"] != event["class_uid"] * 100 + event["activity_id"]:
        found.append("type_uid does not follow from class and activity")
    if event["metadata"].get("version") != VERSION or event["metadata"].get("profiles") != list(PROFILES):
        found.append("another version or other profiles")
    return found


def _at(event: dict[str, Any], place: str) -> Any:
    part: Any = event
    for name in place.split(".") if place else ():
        part = part.get(name) if part is not None else None
    return part


def test_the_check_finds_what_is_wrong() -> None:
    good = event(terminal())
    assert problems(good) == []
    for broken in (
        {name: value for name, value in good.items() if name != "src_endpoint"},
        good | {"raw_data": "x"},
        good | {"severity_id": 7},
        good | {"status": "Fine"},
        good | {"type_uid": 600302},
        good | {"src_endpoint": {"svc_name": ""}},
        good | {"ai_model": {"name": "gpt-4o"}},
    ):
        assert len(problems(broken)) == 1


def test_a_completed_request() -> None:
    told = event(terminal())
    assert told["time"] == 1_700_000_000_012
    assert (told["start_time"], told["end_time"], told["duration"]) == (1_700_000_000_000, 1_700_000_000_012, 12)
    assert told["metadata"]["uid"] == "0190-1"
    assert told["metadata"]["sequence"] == 7
    assert told["metadata"]["tenant_uid"] == "demo"
    assert told["metadata"]["correlation_uid"] == told["api"]["request"]["uid"] == "req-1"
    assert told["actor"] == {"app_uid": "key-1", "user": {"uid": "sub_1"}}
    assert told["http_request"]["url"] == {"path": "/v1/chat/completions"}
    assert (told["status_id"], told["severity_id"], told["action_id"]) == (1, 1, 1)
    assert told["message_context"]["total_tokens"] == 30
    assert told["unmapped"]["cost_micros"] == 1_234
    assert (told["unmapped"]["log_sequence"], told["unmapped"]["log_index"]) == (7, 3)


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        # severity, status, action, disposition, alert
        (terminal(), ("Informational", "Success", "Allowed", "Allowed", False)),
        (terminal(action="flag", rule="pii.phone"), ("Low", "Success", "Observed", "Detected", False)),
        (terminal(action="redact", rule="pii.email"), ("Medium", "Success", "Modified", "Corrected", True)),
        (
            terminal(RequestRefused, action="block", rule="secret.x", status=403, code="content_filtered"),
            ("High", "Failure", "Denied", "Blocked", True),
        ),
        (terminal(code="upstream_error"), ("Informational", "Failure", "Allowed", "Allowed", False)),
        (
            terminal(RequestRefused, key_id="", status=401, code="invalid_api_key", action=""),
            ("Low", "Failure", "Denied", "Unauthorized", False),
        ),
        (
            terminal(RequestRefused, status=429, code="rate_limited", action=""),
            ("Low", "Failure", "Denied", "Rejected", False),
        ),
        (
            terminal(RequestRefused, status=502, code="upstream_error"),
            ("Low", "Failure", "Unknown", "Error", False),
        ),
        (terminal(RequestAborted, status=0), ("Informational", "Aborted", "Allowed", "Allowed", False)),
        (terminal(RequestAbandoned, status=0), ("Low", "Abandoned", "Allowed", "Allowed", False)),
    ],
)
def test_how_it_ended(end: Terminal, expected: tuple[str, str, str, str, bool]) -> None:
    told = event(end)
    assert problems(told) == []
    assert (
        told["severity"], told["status"], told["action"], told["disposition"], told.get("is_alert", False),
    ) == expected  # fmt: skip


def test_an_unknown_caller_is_one_too() -> None:
    refused = codec.fact(
        RequestRefused(operation="models.list", status=401, code="invalid_api_key"),
        id="1", time=1, tenant="system", actor="anonymous", correlation="r",
    )  # fmt: skip
    told = json.loads(line_of(event_of(refused, 1, 0)))
    assert problems(told) == []
    assert (told["actor"], told["src_endpoint"]) == ({"app_name": "anonymous"}, {"svc_name": "unknown"})
    assert (told["activity_name"], told["http_request"]["http_method"]) == ("Read", "GET")


def test_a_fact_that_cannot_be_read_is_an_event_all_the_same() -> None:
    fact = msgspec.structs.replace(fact_of(terminal()), data=msgspec.Raw(b"\x93\x01\x02\x03"))
    told = json.loads(line_of(event_of(fact, 1, 0)))
    assert problems(told) == []
    assert (told["metadata"]["uid"], told["status_code"]) == ("0190-1", "unreadable_fact")


def test_no_sealed_body_gets_in() -> None:
    line = line_of(event_of(fact_of(terminal(body=BODY)), 1, 0))
    assert line == line_of(event_of(fact_of(terminal()), 1, 0))


def _fields(kind: type[Terminal]) -> st.SearchStrategy[Terminal]:
    numbers = st.integers(0, 2**53)
    texts = st.text(max_size=20)
    by_type: dict[Any, st.SearchStrategy[Any]] = {"str": texts, "int": numbers, "bool": st.booleans()}
    special: dict[str, st.SearchStrategy[Any]] = {
        "usage": st.builds(Usage, numbers, numbers, numbers, numbers, st.booleans()),
        "budgets": st.lists(texts, max_size=3).map(tuple),
        "body": st.sampled_from([None, BODY]),
        "status": st.sampled_from([0, 200, 400, 401, 403, 408, 429, 500, 502, 503, 504]),
        "action": st.sampled_from(["", "approve", "flag", "redact", "block"]),
        "operation": st.sampled_from(["", "chat.completions", "models.list", "something.new"]),
        "code": st.sampled_from(["", "content_filtered", "x"]),
    }
    return st.builds(
        kind,
        **{
            field.name: special[field.name] if field.name in special else by_type[field.type.__name__]
            for field in msgspec.structs.fields(kind)
        },
    )


KINDS = [RequestCompleted, RequestRefused, RequestAborted, RequestAbandoned]


@given(st.sampled_from(KINDS).flatmap(_fields), st.integers(1, 2**53), st.integers(0, 2**20))
def test_every_terminal_fact_is_a_valid_event_on_one_line(end: Terminal, sequence: int, index: int) -> None:
    line = line_of(event_of(fact_of(end), sequence, index))
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert problems(json.loads(line)) == []
    assert place_of(line) == (sequence, index)


def test_the_four_kinds_are_all_there_are() -> None:
    assert {codec.fact(kind(), id="", time=0, tenant="", actor="", correlation="").type for kind in KINDS} == (
        traffic.TERMINALS
    )


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"{}", b"[1]", b"\xff", b'{"unmapped": {"log_sequence": 1}}', b"[" * 5_000]
)
def test_what_is_no_line_has_no_place(line: bytes) -> None:
    assert place_of(line) is None


def test_a_cut_line_has_no_place() -> None:
    line = line_of(event_of(fact_of(terminal()), 7, 3))
    assert {place_of(line[:end]) for end in range(len(line) - 1)} == {None}
