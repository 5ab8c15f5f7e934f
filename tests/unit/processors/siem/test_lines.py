"""Which facts become lines, for whom, and with which place."""

from __future__ import annotations

import json

import msgspec
import pytest

from processors.siem.lines import Damaged, after, lines_of
from schemas import codec
from schemas.facts.ops import CheckpointAnnounced
from schemas.ocsf.checkpoint import announced_in
from schemas.ocsf.lines import place_of
from schemas.subjects import CHECKPOINTS
from tests.unit.processors.siem.events import lines, message


def test_only_terminal_facts_with_their_places() -> None:
    found = lines_of(message(7, "ab", beats=2), None)
    assert [line.place for line in found] == [(7, 2), (7, 3)]
    assert [place_of(line.data) for line in found] == [(7, 2), (7, 3)]
    assert [line.uid for line in found] == ["id-7-0", "id-7-1"]


def test_a_tenant_sees_its_own() -> None:
    told = [json.loads(line.data) for line in lines_of(message(7, "aba"), "a")]
    assert {event["metadata"]["tenant_uid"] for event in told} == {"a"}
    assert [event["unmapped"]["log_index"] for event in told] == [0, 2]


def test_an_announced_checkpoint_is_for_every_tenant() -> None:
    said = CheckpointAnnounced(1, 2, 3, b"R" * 32, b"k" * 32, b"s" * 64)
    fact = codec.fact(said, id="c-1", time=4, tenant="system", actor="worker:checkpoint", correlation="checkpoint:1")
    payload = codec.encode_segment(CHECKPOINTS, "checkpoint", "b", 1, bytes(32), [codec.encode_fact(fact)])
    announced = msgspec.structs.replace(message(9), subject=CHECKPOINTS, payload=payload)
    for tenant in (None, "a", "b"):
        (line,) = lines_of(announced, tenant)
        assert (line.place, line.uid, announced_in(line.data)) == ((9, 0), "c-1", said)


def test_what_lies_after_a_place() -> None:
    assert [line.place for line in after(lines(3, 4), (3, 1))] == [(3, 2), (3, 3)]
    assert after(lines(3, 4), (4, -1)) == []


def test_what_is_no_segment_is_said_with_its_message() -> None:
    broken = msgspec.structs.replace(message(9), payload=b"\xc1secret")
    with pytest.raises(Damaged) as raised:
        lines_of(broken, None)
    assert raised.value.message is broken
    assert "secret" not in str(raised.value)
