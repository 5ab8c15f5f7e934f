"""Rates of keys played again: an equal one decides nothing, another one as the gateway's own limiter would."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingress.gateway.limits import RateLimits
from schemas.aggregates.budget import Budget
from schemas.aggregates.virtual_key import VirtualKey
from schemas.errors import LimitReached
from schemas.facts.traffic import Terminal
from schemas.whatif import Judgement, Outcome, Recorded
from schemas.whatif_budgets import Player
from schemas.whatif_rates import STAGE, RatePlayer, Rates
from schemas.whatif_report import Report

NOON = 1_795_176_000_000_000
"""2026-11-20 12:00 UTC."""
One = tuple[Recorded, Judgement]


def request(
    number: int, at_s: float = 0.0, *, key: str = "k", boot: str = "b", refused: bool = False, stage: str = ""
) -> One:
    outcome = Outcome("approve", "", "" if refused else "east/m", 0 if refused else 10)
    end = Terminal(
        key_id=key,
        code=LimitReached.code if refused else "",
        stage=STAGE if refused else stage,
        started_us=NOON + int(at_s * 1_000_000),
        model=outcome.model,
        cost_micros=outcome.cost_micros,
        writer="g",
        boot=boot,
    )
    return Recorded(f"r{number}", "t", number, "completed", end), Judgement(outcome, outcome)


def played(requests: list[One], before: int, after: int, most: int = 1_000) -> Rates:
    player = RatePlayer(most)
    for one in requests:
        player.add(*one, before, after)
    return player.play()


@given(st.lists(st.tuples(st.integers(0, 90), st.booleans()), max_size=12), st.integers(0, 5))
def test_what_is_in_force_decides_nothing_otherwise(made: list[tuple[int, bool]], rate: int) -> None:
    requests = [request(number, at, refused=gone) for number, (at, gone) in enumerate(made)]
    assert played(requests, rate, rate) == Rates()


@given(
    st.lists(st.tuples(st.integers(0, 120), st.sampled_from("ab"), st.sampled_from("xy")), max_size=14),
    st.integers(1, 4),
    st.permutations(range(14)),
)
def test_another_rate_refuses_whom_the_gateway_would_refuse(
    made: list[tuple[int, str, str]], rate: int, order: list[int]
) -> None:
    made.sort(key=lambda one: one[0])
    requests = [request(number, at, key=key, boot=boot) for number, (at, key, boot) in enumerate(made)]
    found = played([requests[place] for place in order if place < len(requests)], 0, rate)
    now = 0.0
    gateways = {boot: RateLimits(lambda: now) for boot in "xy"}
    away = []
    for number, (at, name, boot) in enumerate(made):
        now = NOON / 1_000_000 + at
        key = VirtualKey(id=name, tenant="t", hash=name * 64, prefix="nvk_00000000", requests_per_minute=rate)
        try:
            gateways[boot].admit(key)
        except LimitReached:
            away.append(f"r{number}")
    assert [one.id for one in found.refused] == away
    assert sum(line.refused for line in found.lines) == len(away)
    assert sum(line.requests for line in found.lines) == len(made)


def test_who_was_refused_is_let_in_where_there_is_room() -> None:
    requests = [request(0), request(1, refused=True), request(2, refused=True), request(3, stage="kill")]
    found = played(requests, 1, 2)
    assert ([one.id for one in found.room], found.refused) == (["r1"], [])
    assert (found.lines[0].requests, found.lines[0].refused) == (3, 1), "a kill switch is asked before any limit"
    without = played(requests, 1, 0)
    assert [one.id for one in without.room] == ["r1", "r2"]


def test_too_many_are_not_played_and_that_is_told() -> None:
    assert played([request(0), request(1)], 0, 1, most=1) == Rates(played=False)


def test_whom_a_rate_refuses_costs_nothing_and_takes_no_budget() -> None:
    report, rates, player = Report(), RatePlayer(), Player({})
    budget = Budget(id="b", tenant="t", window="day", limit_micros=20)
    for number in range(3):
        one = request(number)
        report.add(*one)
        rates.add(*one, 0, 2)
        player.add(*one, (budget,), (budget,))
    refused = rates.play()
    report.play(refused, player.play({one.id for one in refused.refused}))
    assert (report.kinds["over_rate"], report.kinds["over_budget"], report.changed) == (1, 0, 1)
    assert report.costs == {("t", "east/m"): [2, 30, 20]}
    ((recorded, judgement),) = report.first_examples()
    assert (recorded.id, judgement.kinds, judgement.after.cost_micros) == ("r2", ("over_rate",), 0)
