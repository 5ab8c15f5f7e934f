"""Given what was read, when so much time has passed, then these requests are closed, and like this."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.reconcile.due import SILENT_S, SUPERSEDED_S, abandoned, due
from processors.reconcile.state import State
from schemas.codec import Malformed
from schemas.facts.traffic import Usage
from tests.unit.processors.reconcile.story import ACCEPTED, BEAT, CLOSED, COMPLETED, REDACTED, ROUTED, Story, called


def requests(state: State, now: float, caught_up_since: float | None = 0.0) -> list[tuple[str, str]]:
    return [(closing.request.request, closing.reason) for closing in due(state, now, caught_up_since)]


def test_a_writer_that_is_heard_of_keeps_its_requests() -> None:
    story = Story()
    story.says("g", "1", 0.0, ("r1", ACCEPTED))
    for now in (10.0, 20.0, 30.0, 40.0):
        story.says("g", "1", now, BEAT)
        assert requests(story.state, now + SILENT_S - 0.1) == []


def test_a_silent_writer_loses_its_requests() -> None:
    story = Story()
    story.says("g", "1", 0.0, ("r1", ACCEPTED), ("r2", ACCEPTED))
    story.says("g", "1", 5.0, ("r1", COMPLETED))
    story.says("h", "1", 30.0, ("r3", ACCEPTED))
    assert requests(story.state, 34.9) == []
    assert requests(story.state, 35.0) == [("r2", "silent")]


def test_silence_before_the_reader_had_caught_up_proves_nothing() -> None:
    story = Story()
    story.says("g", "1", 0.0, ("r1", ACCEPTED))
    assert requests(story.state, 1000.0, None) == []
    assert requests(story.state, 1000.0, 980.0) == []
    assert requests(story.state, 1010.0, 980.0) == [("r1", "silent")]


def test_a_later_start_of_the_same_writer_ends_the_former_after_a_moment() -> None:
    story = Story()
    story.says("g", "1", 0.0, ("r1", ACCEPTED))
    story.says("g", "2", 2.0, ("r2", ACCEPTED))
    assert requests(story.state, 2.0 + SUPERSEDED_S - 0.1) == []
    assert requests(story.state, 2.0 + SUPERSEDED_S) == [("r1", "superseded")]
    # the reader has to have been there for the moment
    assert requests(story.state, 10.0, 6.0) == []


def test_what_a_former_start_left_in_a_spool_is_waited_for() -> None:
    story = Story()
    story.says("g", "1", 0.0, ("r1", ACCEPTED), ("r2", ACCEPTED))
    story.says("g", "2", 2.0, BEAT)
    story.says("g", "1", 6.0, ("r1", COMPLETED))
    assert requests(story.state, 10.9) == []
    assert requests(story.state, 11.0) == [("r2", "superseded")]


def test_a_late_segment_of_a_former_start_ends_nobody() -> None:
    story = Story()
    story.says("g", "2", 0.0, ("r2", ACCEPTED))
    story.says("g", "1", 1.0, ("r1", ACCEPTED))
    story.says("g", "2", 20.0, BEAT)
    # it may as well be a new start, after the machine's clock was set back
    assert requests(story.state, 30.5) == []
    assert requests(story.state, 31.0) == [("r1", "silent")]


def test_another_writer_of_another_name_ends_nobody() -> None:
    story = Story()
    story.says("g", "1", 0.0, ("r1", ACCEPTED))
    story.says("h", "2", 1.0, BEAT)
    assert requests(story.state, 20.0) == []


def test_a_writer_that_closed_with_requests_open_is_not_waited_for() -> None:
    story = Story()
    story.says("g", "1", 0.0, ("r1", ACCEPTED), ("r2", ACCEPTED))
    story.says("g", "1", 1.0, ("r1", COMPLETED), CLOSED)
    assert requests(story.state, 1.0) == [("r2", "closed")]
    assert requests(story.state, 1.0, None) == []


def test_what_anybody_closed_is_closed() -> None:
    story = Story()
    story.says("g", "1", 0.0, ("r1", ACCEPTED))
    story.says("reconcile", "other", 40.0, ("r1", COMPLETED))
    assert requests(story.state, 100.0) == []
    assert story.state.open == 0


def test_the_terminal_fact_tells_all_that_is_known() -> None:
    story = Story()
    story.says("g", "1", 0.0, ("r1", ACCEPTED), ("r1", REDACTED), ("r1", ROUTED))
    (closing,) = due(story.state, 100.0, 0.0)
    told = abandoned(closing.request, 5_000_000)
    assert (told.key_id, told.key_prefix, told.subject, told.operation) == ("k1", "nvk_12345678", "sub_1", "chat")
    assert (told.model_requested, told.stream, told.request_bytes) == ("gpt-4o", True, 120)
    assert (told.route, told.account, told.model) == ("r", "east", "east/gpt-4o")
    assert (told.cost_micros, told.reserved_micros, told.budgets) == (900, 900, ("b",))
    assert (told.code, told.usage, told.action, told.rule) == ("abandoned", Usage(estimated=True), "redact", "rule")
    assert (told.started_us, told.latency_us, told.accepted_sequence) == (1_000_000, 4_000_000, 1)
    assert (told.writer, told.boot, told.status, told.stage, told.body) == ("g", "1", 0, "", None)


@pytest.mark.parametrize(
    ("calls", "account"),
    [
        ((), "east"),
        ((called(1, "east", "status"),), "west"),
        ((called(1, "east", "ok"),), "east"),
        ((called(1, "east", "timeout"), called(2, "west", "timeout")), "west"),
    ],
)
def test_the_account_is_the_one_that_was_being_called(calls: tuple[object, ...], account: str) -> None:
    story = Story()
    story.says("g", "1", 0.0, ("r1", ACCEPTED), ("r1", ROUTED), *(("r1", call) for call in calls))  # type: ignore[arg-type]
    (closing,) = due(story.state, 100.0, 0.0)
    told = abandoned(closing.request, 5_000_000)
    assert (told.account, told.model, told.attempts) == (account, f"{account}/gpt-4o", len(calls))


def test_before_routing_nothing_was_set_aside_and_nothing_is_billed() -> None:
    story = Story()
    story.says("g", "1", 0.0, ("r1", ACCEPTED))
    (closing,) = due(story.state, 100.0, 0.0)
    told = abandoned(closing.request, 5_000_000)
    assert (told.cost_micros, told.account, told.route) == (0, "", "")


def test_what_cannot_be_read_does_not_hide_what_can() -> None:
    story = Story()
    story.says("g", "1", 0.0, ("r1", ACCEPTED), ("r2", ACCEPTED))
    with pytest.raises(Malformed):
        story.state.apply(2, "traffic.0", b"\xff", 1.0)
    assert (story.state.sequence, story.state.last_of) == (2, {"traffic.0": 2})
    assert story.state.needed_from == 1


steps = st.lists(
    st.tuples(
        st.sampled_from(["1", "2", "3"]),
        st.sampled_from(["accept", "end", "beat"]),
        st.integers(0, 5),
        st.integers(0, 12),
    ),
    max_size=30,
)


@given(steps, st.integers(0, 100))
def test_laws_of_what_is_due(made: list[tuple[str, str, int, int]], caught_up_since: int) -> None:
    """Only open requests are due, of writers that were silent long enough or superseded; what is due stays due."""
    story = Story()
    now = 0.0
    open_at: dict[str, str] = {}
    heard: dict[str, float] = {}
    for boot, kind, number, pause in made:
        now += pause
        heard[boot] = now
        request = f"{boot}-{number}"
        if kind == "accept" and request not in open_at:
            open_at[request] = boot
            story.says("g", boot, now, (request, ACCEPTED))
        elif kind == "end":
            open_at.pop(request, None)
            story.says("g", boot, now, (request, COMPLETED))
        else:
            story.says("g", boot, now, BEAT)
    assert story.state.open == len(open_at)
    found = dict(requests(story.state, now, min(caught_up_since, now)))
    for request, reason in found.items():
        boot = open_at[request]
        quiet = now - max(heard[boot], min(caught_up_since, now))
        assert quiet >= (SILENT_S if reason == "silent" else SUPERSEDED_S)
        assert reason == "silent" or any(other > boot for other in heard)
    later = dict(requests(story.state, now + SILENT_S, min(caught_up_since, now)))
    assert set(later) == set(open_at)
    assert set(found) <= set(later)


def test_a_copy_of_a_segment_opens_nothing_and_is_no_sign_of_life() -> None:
    story = Story()
    story.says("g", "1", 0.0, ("r1", ACCEPTED))
    story.says("g", "1", 1.0, ("r1", COMPLETED), ("r2", ACCEPTED))
    story.once_more(1, 20.0)
    assert story.state.open == 1
    assert requests(story.state, 31.0) == [("r2", "silent")]
