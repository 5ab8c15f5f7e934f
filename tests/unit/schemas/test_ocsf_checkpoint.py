"""The event of a checkpoint against what the OCSF schema demands of Event Log Activity, and against its golden file."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from schemas import codec
from schemas.codec import Malformed
from schemas.facts.ops import CheckpointAnnounced, SigningKeyAnnounced, SigningKeyRotated
from schemas.facts.traffic import RequestCompleted
from schemas.ocsf.checkpoint import announced_in, checkpoint_of, handover_of
from schemas.ocsf.lines import line_of, place_of
from schemas.ocsf.mapping import event_of

GOLDEN = Path(__file__).parents[2] / "golden" / "ocsf" / "checkpoint.json"
SAID = CheckpointAnnounced(12, 1_795_000_060_000_000, 3, b"R" * 32, b"k" * 32, b"s" * 64)
FACT = codec.fact(
    SAID, id="019a9f3c-0000-7000-8000-0123456789ab", time=1_795_000_060_000_123, tenant="system",
    actor="worker:checkpoint", correlation="checkpoint:12",
)  # fmt: skip
HANDOVER = SigningKeyRotated(b"o" * 32, b"n" * 32, 1_795_000_030_000_000, b"S" * 64, b"T" * 64)
HANDED_OVER = codec.fact(
    SigningKeyAnnounced(HANDOVER), id="019a9f3c-0000-7000-8000-0123456789ac", time=1_795_000_060_000_120,
    tenant="system", actor="worker:checkpoint", correlation="checkpoint:12",
)  # fmt: skip
REQUIRED = frozenset(
    ["activity_id", "actor", "category_uid", "class_uid", "device", "metadata", "severity_id", "time", "type_uid"]
)
"""Of class 1008 of OCSF 1.8.0; besides, one of `log_file`, `log_name`, `log_provider`."""


def test_the_event_is_the_golden_one() -> None:
    line = line_of(checkpoint_of(FACT, 98, 0))
    assert json.loads(line) == json.loads(GOLDEN.read_text())
    assert line.startswith(b'{"activity_id":') and line.count(b"\n") == 1
    assert place_of(line) == (98, 0)


def test_it_has_what_the_schema_demands() -> None:
    event = json.loads(line_of(checkpoint_of(FACT, 98, 0)))
    assert event.keys() >= REQUIRED
    assert (event["category_uid"], event["class_uid"]) == (1, 1008)
    assert event["type_uid"] == 1008 * 100 + event["activity_id"]
    assert event["log_name"] and event["activity_name"] and event["device"]["name"]


def test_what_was_announced_comes_back_from_the_line() -> None:
    assert announced_in(line_of(checkpoint_of(FACT, 98, 0))) == SAID


def test_a_handover_between_keys_is_an_event_that_comes_back_from_its_line() -> None:
    line = line_of(handover_of(HANDED_OVER, 99, 1))
    assert json.loads(line) == json.loads(GOLDEN.with_name("signing-key.json").read_text())
    assert json.loads(line).keys() >= REQUIRED
    assert (place_of(line), announced_in(line)) == ((99, 1), HANDOVER)
    broken = line_of(handover_of(msgspec.structs.replace(HANDED_OVER, data=msgspec.Raw(b"\x91\x01")), 99, 1))
    assert json.loads(broken)["status_code"] == "unreadable_fact"
    with pytest.raises(Malformed):
        announced_in(broken)


def test_an_event_of_a_request_is_no_checkpoint() -> None:
    fact = codec.fact(RequestCompleted(), id="1", time=1, tenant="a", actor="k", correlation="r")
    assert announced_in(line_of(event_of(fact, 1, 0))) is None


def test_a_checkpoint_that_cannot_be_read_is_an_event_that_proves_nothing() -> None:
    broken = msgspec.structs.replace(FACT, data=msgspec.Raw(b"\x93\x01\x02\x03"))
    line = line_of(checkpoint_of(broken, 98, 0))
    assert json.loads(line)["status_code"] == "unreadable_fact"
    with pytest.raises(Malformed):
        announced_in(line)


@pytest.mark.parametrize("line", [b"", b"torn", b"{}", b"[" * 5_000, b"\xff", b'{"class_uid":1008,"unmapped":{}}'])
def test_what_is_no_event_is_said_so_without_quoting_it(line: bytes) -> None:
    with pytest.raises(Malformed) as raised:
        announced_in(line)
    assert "torn" not in str(raised.value)
