"""Findings against what the OCSF schema demands of Detection Finding, and against their golden files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas import codec
from schemas.envelope import Fact
from schemas.facts.ops import SwitchTurned
from schemas.facts.traffic import HookDecided, HooksDecided, RequestBypassed, RequestCompleted, RequestScreened
from schemas.ocsf.finding import finding_of, is_finding
from schemas.ocsf.lines import line_of, place_of
from schemas.screening.model import TOO_MANY_HITS, Hit

GOLDEN = Path(__file__).parents[2] / "golden" / "ocsf"
REQUIRED = frozenset(
    ["activity_id", "category_uid", "class_uid", "finding_info", "metadata", "severity_id", "time", "type_uid"]
)
"""Of class 2004 of OCSF 1.8.0; `finding_info` demands `uid`, `metadata` product and version."""
WORDS = HookDecided("no-projects", "keyword_filter", "reject", "block", "1 of the listed words", "", (), 80)
LATE = HookDecided("judge", "webhook_forward", "abstain", "approve", "it did not answer within 100 ms")
SAID: dict[str, Any] = {
    "rules": RequestScreened(
        "request", "block", "secret.aws-access-key-id", "a39b38c7b0f91e66",
        (Hit("email.address", "flag", 0, 3, 20), Hit("secret.aws-access-key-id", "block", 1, 0, 20)), 412, 1,
    ),
    "hooks": HooksDecided("request", "block", "no-projects", (LATE, WORDS), 90),
    "bypass": RequestBypassed(("hooks", "normalize"), ("scanner-down",)),
}  # fmt: skip


def fact_of(data: msgspec.Struct) -> Fact:
    return codec.fact(
        data, id="019a9f3c-0000-7000-8000-0123456789ab", time=1_795_000_060_000_123, tenant="acme",
        actor="key:key-1", correlation="019a9f3c-0000-7001-8000-0123456789ab",
    )  # fmt: skip


@pytest.mark.parametrize("name", SAID)
def test_the_event_is_the_golden_one(name: str) -> None:
    line = line_of(finding_of(fact_of(SAID[name]), 98, 2))
    assert json.loads(line) == json.loads((GOLDEN / f"finding-{name}.json").read_text())
    assert place_of(line) == (98, 2)


@pytest.mark.parametrize(
    ("action", "severities", "told"),
    [
        ("block", ("", ""), (4, True)),  # from before hits told it
        ("block", ("soft", "warn"), (3, True)),
        ("flag", ("soft",), (3, False)),
        ("flag", ("warn", "hard"), (4, True)),
        ("flag", ("warn",), (2, False)),
        ("redact", ("soft",), (3, True)),
        ("redact", ("warn", "warn"), (2, False)),
        ("flag", ("of a later version", "warn"), (2, False)),
        ("redact", ("of a later version",), (3, True)),
    ],
)
def test_the_most_severe_hit_is_the_severity(action: str, severities: tuple[str, ...], told: tuple[int, bool]) -> None:
    hits = tuple(Hit("a.b", action, 0, at, at + 1, severity) for at, severity in enumerate(severities))
    event = json.loads(line_of(finding_of(fact_of(RequestScreened("request", action, "a.b", "p", hits, 9)), 98, 2)))
    assert (event["severity_id"], event.get("is_alert", False)) == told


def test_more_hits_than_are_recorded_are_as_severe_as_what_was_done() -> None:
    said = RequestScreened("request", "block", TOO_MANY_HITS, "p", (Hit("a.b", "flag", 0, 0, 1, "soft"),), 9)
    event = json.loads(line_of(finding_of(fact_of(said), 98, 2)))
    assert (event["severity_id"], event["is_alert"]) == (4, True)


@pytest.mark.parametrize("name", SAID)
def test_it_has_what_the_schema_demands(name: str) -> None:
    event = json.loads(line_of(finding_of(fact_of(SAID[name]), 98, 2)))
    assert event.keys() >= REQUIRED
    assert (event["category_uid"], event["class_uid"], event["type_uid"]) == (2, 2004, 200401)
    assert event["finding_info"]["uid"] and {"product", "version"} <= event["metadata"].keys()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        *((each, True) for each in SAID.values()),
        (RequestScreened("request", "approve", "", "pack", (), 9), False),
        (RequestScreened("response", "flag", "email.address", "pack", (), 9), True),
        (HooksDecided("request", "approve", "", (HookDecided("a", "pii_detector", "approve", "approve"),)), False),
        (HooksDecided("request", "approve", "", (LATE,)), True),
        (HooksDecided("request", "approve", "", (HookDecided("a", "webhook_forward", "abstain", "approve"),)), False),
        (HooksDecided("request", "flag", "approve-less", ()), True),
        (HooksDecided("connection", "approve", "", ()), False),
        (RequestCompleted(), False),
    ],
)
def test_what_was_approved_is_no_finding(data: msgspec.Struct, told: bool) -> None:
    assert is_finding(fact_of(data)) is told


def test_a_fact_that_cannot_be_read_is_still_told() -> None:
    broken = msgspec.structs.replace(fact_of(SAID["rules"]), data=msgspec.Raw(b"\x93\x01\x02\x03"))
    event = json.loads(line_of(finding_of(broken, 98, 2)))
    assert event["unmapped"] == {"log_sequence": 98, "log_index": 2, "kind": "unreadable"}


SWITCHES = {
    "kill": SwitchTurned("kill", "leak", "created", "admin:root", 41, "everything", "", (), "it tells too much"),
    "passthrough": SwitchTurned(
        "passthrough", "scanner-down", "created", "admin:root", 42, "route", "chat", ("hooks",),
        "the rules of last night block every order", 1_795_005_400_000_000,
    ),
    "kill-off": SwitchTurned("kill", "leak", "removed", "admin:root", 43, reason="mended"),
}  # fmt: skip


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_that_was_turned_is_the_golden_event(name: str) -> None:
    fact = fact_of(SWITCHES[name])
    assert is_finding(fact)
    line = line_of(finding_of(fact, 98, 0))
    event = json.loads(line)
    assert event == json.loads((GOLDEN / f"switch-{name}.json").read_text())
    assert event.keys() >= {"activity_id", "category_uid", "class_uid", "entity", "metadata", "severity_id", "time"}
    assert (event["class_uid"], event["type_uid"]) == (3004, 300400 + event["activity_id"])
    assert place_of(line) == (98, 0)
