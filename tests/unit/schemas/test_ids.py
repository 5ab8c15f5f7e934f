"""Laws of ids: valid, increasing, whatever the clock does."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import Ids, SystemClock, day_of, iso, millis_of

TIMES = st.integers(0, 4_102_444_800_000_000)


class Times:
    """A clock that shows given times, the last one for ever."""

    def __init__(self, *times_us: int) -> None:
        self._times = list(times_us)

    def now_us(self) -> int:
        return self._times.pop(0) if len(self._times) > 1 else self._times[0]

    def monotonic(self) -> float:
        return self._times[0] / 1e6


@given(st.lists(TIMES, min_size=1, max_size=50))
def test_ids_increase_however_the_clock_jumps(times: list[int]) -> None:
    ids = Ids(Times(*times))
    made = [ids.new() for _ in range(len(times) + 5)]
    assert made == sorted(set(made))


@given(TIMES)
def test_ids_are_uuids_of_version_7_with_their_time(time_us: int) -> None:
    text = Ids(Times(time_us)).new()
    parsed = uuid.UUID(text)
    assert str(parsed) == text
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert millis_of(text) == time_us // 1000


def test_more_ids_than_a_millisecond_has_borrow_from_the_next() -> None:
    ids = Ids(Times(1_795_000_000_000_000))
    made = [ids.new() for _ in range(10_000)]
    assert made == sorted(set(made))
    assert millis_of(made[-1]) - millis_of(made[0]) == 2


@given(st.lists(st.tuples(st.integers(0, 5), TIMES), max_size=30))
def test_ids_in_one_go_are_ids_as_one_by_one(asked: list[tuple[int, int]]) -> None:
    ids = Ids(Times(0))
    made: list[str] = []
    for count, now_us in asked:
        several = ids.several(count, now_us) if count else [ids.new(now_us)]
        assert len(several) == max(1, count)
        assert all(millis_of(each) >= now_us // 1000 for each in several)
        made += several
    assert made == sorted(set(made))
    assert all(uuid.UUID(each).version == 7 and uuid.UUID(each).variant == uuid.RFC_4122 for each in made)


def test_many_ids_in_one_go_borrow_from_the_next_millisecond_too() -> None:
    ids = Ids(Times(0))
    made = [each for _ in range(200) for each in ids.several(50, 7_000)]
    assert made == sorted(set(made))
    assert millis_of(made[-1]) - millis_of(made[0]) == 2


def test_a_clock_that_steps_back_does_not_take_the_ids_along() -> None:
    ids = Ids(Times(2_000_000, 1_000_000, 2_001_000))
    first, second, third = ids.new(), ids.new(), ids.new()
    assert first < second < third
    assert [millis_of(one) for one in (first, second, third)] == [2_000, 2_000, 2_001]


def test_sources_with_other_entropy_never_meet() -> None:
    one = Ids(Times(1_000), lambda size: b"\x00" * size)
    other = Ids(Times(1_000), lambda size: b"\x01" * size)
    assert one.new() != other.new()


@pytest.mark.parametrize("text", ["", "x", "0190f6f2-0000-4000-8000-000000000000", "0190f6f2"])
def test_other_texts_have_no_time(text: str) -> None:
    with pytest.raises(ValueError):
        millis_of(text)


@given(TIMES)
def test_iso_comes_back(time_us: int) -> None:
    text = iso(time_us)
    assert text.endswith("Z")
    moment = datetime.fromisoformat(text)
    assert moment.tzinfo == UTC
    assert round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000) == time_us
    assert day_of(time_us) == text[:10]


def test_the_system_clock_shows_microseconds_of_today() -> None:
    clock = SystemClock()
    assert day_of(clock.now_us()) >= "2025"
    assert clock.monotonic() <= clock.monotonic()


@given(st.lists(st.tuples(st.integers(-7_200_000_000, 7_200_000_000), st.integers(0, 10_000_000)), max_size=40))
def test_the_system_clock_never_goes_back_and_follows_again(steps: list[tuple[int, int]]) -> None:
    """Steps, in microseconds: by how much the machine's wall clock is set, and how long it is to the next look."""
    start = 1_790_000_000_000_000
    wall, elapsed = start, 0
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(time, "time_ns", lambda: wall * 1000)
        patched.setattr(time, "monotonic", lambda: elapsed / 1e6)
        clock = SystemClock()
        ids = Ids(clock)
        shown, made = [clock.now_us()], [ids.new()]
        for step, passes in steps:
            wall, elapsed = wall + step + passes, elapsed + passes
            shown.append(clock.now_us())
            made.append(ids.new())
        assert shown == sorted(shown) and made == sorted(set(made))
        assert shown[-1] >= wall
        behind = shown[-1] - wall
        wall, elapsed = wall + 2 * behind, elapsed + 2 * behind
        assert 0 <= clock.now_us() - wall <= 1_000, "twice as long as it was set back, and it has caught up"


def test_a_clock_that_is_held_back_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([5_000_000_000, 1_000_000_000, 1_000_000_000, 6_000_000_000])
    elapsed = iter([10.0, 10.0, 10.5])
    monkeypatch.setattr(time, "time_ns", lambda: next(times))
    monkeypatch.setattr(time, "monotonic", lambda: next(elapsed))
    clock = SystemClock()
    assert [clock.now_us() for _ in range(4)] == [5_000_000, 5_000_000, 5_250_000, 6_000_000]
