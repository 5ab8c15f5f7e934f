"""Budgets played again: an equal candidate refuses nobody, a smaller one whoever came when it was spent."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.aggregates.budget import Budget
from schemas.facts.traffic import Terminal
from schemas.whatif import Judgement, Outcome, Recorded
from schemas.whatif_budgets import REFUSED, Budgets, Player, Spent
from schemas.whatif_rates import Rates
from schemas.whatif_report import Report

NOON = 1_795_176_000_000_000
"""2026-11-20 12:00 UTC."""
DAY_US = 86_400_000_000


def budget(limit: int, **fields: str) -> Budget:
    return Budget(**{"id": "b", "tenant": "t", "window": "day", "limit_micros": limit, **fields})  # type: ignore[arg-type]


def request(
    number: int, before: int, after: int | None = None, *, key: str = "k", at: int = 0, refused: bool = False
) -> tuple[Recorded, Judgement]:
    """One that cost so much, and would cost so much."""
    model = "" if refused else "east/m"
    end = Terminal(
        key_id=key,
        code=REFUSED if refused else "",
        stage="reserve" if refused else "",
        started_us=NOON + at + number,
        cost_micros=before,
        model=model,
    )
    will = before if after is None else after
    judgement = Judgement(Outcome("approve", "", model, before), Outcome("approve", "", model, will))
    return Recorded(f"r{number}", "t", number, "completed", end), judgement


def played(
    requests: list[tuple[Recorded, Judgement]],
    before: tuple[Budget, ...],
    after: tuple[Budget, ...],
    spent: tuple[Spent, ...] = (),
    most: int = 1_000,
) -> Budgets:
    player = Player({"t": spent}, most)
    for one in requests:
        player.add(*one, before, after)
    return player.play()


@given(
    st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=20), st.integers(0, 40), st.permutations(range(20))
)
def test_what_is_in_force_decides_nothing_otherwise(
    costs: list[tuple[int, bool]], limit: int, order: list[int]
) -> None:
    requests = [request(number, 0 if gone else cost, refused=gone) for number, (cost, gone) in enumerate(costs)]
    mixed = [requests[place] for place in order if place < len(requests)]
    found = played(mixed, (budget(limit),), (budget(limit),))
    assert (found.refused, found.room, found.lines) == ([], [], [])


@given(st.lists(st.integers(1, 9), min_size=1, max_size=20), st.integers(0, 60), st.permutations(range(20)))
def test_a_smaller_limit_is_never_passed_and_turns_away_no_more_than_it_must(
    costs: list[int], limit: int, order: list[int]
) -> None:
    requests = [request(number, cost) for number, cost in enumerate(costs)]
    mixed = [requests[place] for place in order if place < len(requests)]
    found = played(mixed, (), (budget(limit),))
    away = {one.id for one in found.refused}
    spent = 0
    for number, cost in enumerate(costs):
        assert (f"r{number}" in away) == (spent + cost > limit)
        spent += 0 if f"r{number}" in away else cost
    assert spent <= limit
    assert [(line.refused, line.spent_micros) for line in found.lines] == ([(len(away), spent)] if away else [])


def test_dearer_prices_end_a_budget_sooner() -> None:
    found = played([request(number, 10, 20) for number in range(4)], (budget(40),), (budget(40),))
    assert [one.id for one in found.refused] == ["r2", "r3"]
    assert {one.budget for one in found.refused} == {"b"}


def test_what_was_spent_before_counts_in_its_window() -> None:
    spent = (
        Spent("2026-11-20", "k", "east", "east/m", 25),
        Spent("2026-11-19", "k", "east", "east/m", 1_000),
        Spent("2026-11-20", "other", "east", "east/m", 7),
    )
    own = budget(45, scope="key", target="k")
    requests = [request(1, 10), request(2, 10), request(3, 10), request(4, 10, key="other")]
    assert [one.id for one in played(requests, (), (own,), spent).refused] == ["r3"]
    later = [request(1, 10, at=DAY_US)]
    assert played(later, (), (own,), spent).refused == []


def test_where_a_budget_had_no_room_there_may_be_some_now() -> None:
    requests = [request(1, 40), request(2, 0, refused=True)]
    raised = played(requests, (budget(45),), (budget(90),))
    cheaper = played([request(1, 45, 20), request(2, 0, refused=True)], (budget(45),), (budget(45),))
    assert [[one.id for one in found.room] for found in (raised, cheaper)] == [["r2"], ["r2"]]
    assert played(requests, (budget(45),), (budget(40),)).room == []


def test_too_many_are_not_played_and_that_is_told() -> None:
    found = played([request(number, 10) for number in range(4)], (), (budget(15),), most=3)
    assert (found.played, found.refused) == (False, [])


def test_a_report_counts_whom_a_budget_turns_away_once_and_at_no_cost() -> None:
    report, player = Report(), Player({})
    for number in range(3):
        recorded, judgement = request(number, 10, 20)
        report.add(recorded, judgement)
        player.add(recorded, judgement, (), (budget(40),))
    report.play(Rates(), player.play())
    assert (report.changed, report.kinds["over_budget"]) == (3, 1)
    assert report.costs == {("t", "east/m"): [2, 30, 40]}
    last = report.first_examples()[-1]
    assert (last[0].id, last[1].kinds, last[1].after.cost_micros) == ("r2", ("over_budget",), 0)
    assert [pair[0].id for pair in report.first_examples()] == ["r0", "r1", "r2"]
