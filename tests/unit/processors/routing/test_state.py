"""Health of provider accounts: windows add up, circuits turn, and reading again says the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from processors.routing.state import WINDOW_US, Said, State
from schemas.facts.decisions import CircuitClosed, CircuitOpened, HealthObserved
from schemas.facts.traffic import ProviderCalled
from tests.unit.processors.segments import fact, segment

S = 1_000_000


def call(ok: bool, time: int, account: str = "a", tenant: str = "t", status: int = 500) -> bytes:
    data = ProviderCalled(1, account, f"{account}/m", "ok" if ok else "status", 200 if ok else status, 1, 100)
    return segment(fact(data, time=time, tenant=tenant))


def run(calls: list[bytes]) -> list[Said]:
    state = State()
    said = [each for sequence, payload in enumerate(calls, 1) for each in state.apply(sequence, payload)]
    return said + state.pass_time(10**12)


def test_a_window_adds_up_its_calls() -> None:
    assert run([call(True, 1), call(False, 2), call(True, WINDOW_US + 1)]) == [
        Said("t", WINDOW_US, HealthObserved("a", WINDOW_US, 2, 1, 100)),
        Said("t", 2 * WINDOW_US, HealthObserved("a", WINDOW_US, 1, 0, 100)),
    ]


def test_tenants_with_the_same_account_name_are_apart() -> None:
    said = run([call(True, 1), call(False, 2, tenant="u")])
    assert {(each.tenant, each.data.calls) for each in said if isinstance(each.data, HealthObserved)} == {
        ("t", 1),
        ("u", 1),
    }


def test_five_failures_open_and_two_successes_close() -> None:
    calls = [call(False, 1 + n) for n in range(5)] + [call(True, 31 * S), call(True, 31 * S + 1)]
    turns = [each.data for each in run(calls) if not isinstance(each.data, HealthObserved)]
    assert turns == [CircuitOpened("a", 5, 5 + 30 * S), CircuitClosed("a")]


def test_a_client_error_says_nothing_against_the_account() -> None:
    turns = [each for each in run([call(False, n, status=429) for n in range(20)])]
    assert all(isinstance(each.data, HealthObserved) for each in turns)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.sampled_from("ab")), max_size=30), st.data())
def test_reading_again_from_the_mark_counts_every_window_whole(
    steps: list[tuple[bool, int, str]], data: st.DataObject
) -> None:
    time, calls = 0, []
    for ok, seconds, account in steps:
        time += seconds * 4 * S
        calls.append(call(ok, time, account))
    cut = data.draw(st.integers(0, len(calls)))
    first = State()
    before = [each for sequence, payload in enumerate(calls[:cut], 1) for each in first.apply(sequence, payload)]
    again = State(first.mark() - 1)
    after = [each for sequence, payload in enumerate(calls, 1) for each in again.apply(sequence, payload)]
    after += again.pass_time(10**12)

    def windows(said: list[Said]) -> set[Said]:
        return {each for each in said if isinstance(each.data, HealthObserved)}

    assert windows(before) | windows(after) == windows(run(calls))
