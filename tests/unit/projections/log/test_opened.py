"""What all workers take for poison: an envelope or an end that some store, sum or subject could not bear."""

from __future__ import annotations

import msgspec
import pytest

from projections.log.opened import BEFORE_US, HIGHEST, ends_of, segment_of
from projections.log.reader import Message
from schemas.codec import Malformed, encode_segment
from schemas.envelope import GENESIS
from schemas.facts.traffic import TERMINALS, RequestCompleted, Usage, ends_request

NOW_US = 1_795_000_000_000_000


def message(end: object, *, time: int = NOW_US, tenant: str = "acme", name: str = "request.completed.v1") -> Message:
    fact = msgspec.msgpack.encode(("f1", time, tenant, "key:k", "r1", "", name, end))
    return Message("TRAFFIC", 7, "traffic.0", encode_segment("traffic.0", "w", "b", 1, GENESIS, [fact]), NOW_US, "")


@pytest.mark.parametrize("time", [-(2**63), -1, BEFORE_US, 253_402_300_799_000_000, 2**63, 2**64 - 1])
def test_a_time_that_no_store_has_a_day_for_is_poison_to_all(time: int) -> None:
    with pytest.raises(Malformed, match="1970"):
        segment_of(message(RequestCompleted(), time=time))


def test_a_name_that_is_too_long_for_a_subject_is_poison_to_all() -> None:
    with pytest.raises(Malformed, match="too long"):
        segment_of(message(RequestCompleted(), tenant="t" * 4_000))


@pytest.mark.parametrize(
    "end",
    [
        RequestCompleted(cost_micros=-1),
        RequestCompleted(cost_micros=HIGHEST + 1),
        RequestCompleted(reserved_micros=2**64 - 1),
        RequestCompleted(usage=Usage(input_tokens=2**63)),
        RequestCompleted(usage=Usage(output_tokens=-5)),
        RequestCompleted(usage=Usage(image_tokens=2**64 - 1)),
        RequestCompleted(started_us=-1),
        RequestCompleted(started_us=2**63),
        RequestCompleted(account="a" * 2_001),
        RequestCompleted(key_id="\U0001f600" * 501),
    ],
)
def test_an_end_that_would_spoil_a_sum_tells_what_is_wrong_with_it(end: RequestCompleted) -> None:
    (found,) = ends_of(message(end))
    assert found.data is None and "request.completed.v1" in found.fault


def test_what_can_be_summed_up_is_read() -> None:
    end = RequestCompleted(cost_micros=HIGHEST)
    (found,) = ends_of(message(end, time=BEFORE_US - 1))
    assert found.data == end and not found.fault


def test_an_end_of_a_newer_version_is_not_passed_over() -> None:
    (found,) = ends_of(message({"new": 1}, name="request.completed.v2"))
    assert found.data is None and "newer version" in found.fault
    assert all(map(ends_request, TERMINALS))
    assert not ends_request("request.accepted.v1") and not ends_request("request.completed") and not ends_request("")
