"""What a candidate configuration changes: given what is recorded, when the configuration were another, then what."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from schemas.aggregates.model import Model, Prices
from schemas.aggregates.policy import Policy
from schemas.aggregates.provider import Provider
from schemas.aggregates.route import Route, Target
from schemas.facts.traffic import (
    ProviderCalled,
    RequestAccepted,
    RequestRouted,
    RequestScreened,
    SealedBody,
    Terminal,
    Usage,
)
from schemas.pricing import cost_micros
from schemas.routing.choose import compile_table
from schemas.screening.model import TOO_MANY_HITS, Hit, Rule, Verdict
from schemas.whatif import (
    ERASED,
    NO_FACTS,
    Configuration,
    Judgement,
    Outcome,
    Recorded,
    Ways,
    judge,
    look_with,
    to_read,
    ways,
)
from schemas.whatif_report import Report
from tests.unit.schemas.strategies import of_type

BODY = SealedBody("sub", "k", b"n" * 12, b"c" * 20, b"s" * 32, 4)
USAGE = Usage(1_000_000, 500_000)
CHEAP, DEAR = Prices(input=10, output=20), Prices(input=100, output=200)
COST = cost_micros(CHEAP, USAGE)


def rule(name: str, action: str) -> Rule:
    return Rule(id=name, title=name, category="c", severity="hard", action=action, patterns=("x",))


RULES = {one.id: one for one in (rule("a.block", "block"), rule("a.redact", "redact"), rule("a.flag", "flag"))}


def configuration(
    policy: Policy | None = None, route: Route | None = None, prices: Prices = CHEAP, tenant: str = "t"
) -> Configuration:
    providers = [Provider(id=name, tenant=tenant, base_url="http://h") for name in ("one", "two")]
    models = [Model(id=f"{name}/m", tenant=tenant, prices=prices) for name in ("one", "two")]
    routes = [route or Route(id="r", tenant=tenant, targets=(Target("one"),))]
    policies = {} if policy is None else {policy.id: policy}
    return Configuration(
        tenant, compile_table(routes, providers, models), policies, {model.id: model for model in models}
    )


def policy(**fields: Any) -> Policy:
    return Policy(id="default", tenant="t", **fields)


def screened(action: str = "approve", *rules: str, stage: str = "request") -> RequestScreened:
    hits = tuple(Hit(name, RULES[name].action, 0, 0, 1) for name in rules)
    return RequestScreened(stage, action, rules[0] if rules else "", "pack", hits, 9)


def request(request: RequestScreened, response: RequestScreened | None = None, **fields: Any) -> Recorded:
    """One that came in, was screened, and unless it was blocked was answered by `one/m`."""
    blocked = request.action == "block"
    end: dict[str, Any] = {"model_requested": "m", "usage": USAGE, "cost_micros": COST, "model": "one/m", "body": BODY}
    if blocked:
        end = {"model_requested": "m", "stage": "screen_request", "code": "content_filtered"}
    said = {"request": request} if response is None else {"request": request, "response": response}
    if not blocked and response is None:
        said["response"] = screened(stage="response")
    accepted = RequestAccepted("k", "nvk", "s", "chat", "m", False, 1, "overlapped", 7, BODY)
    calls = () if blocked else (ProviderCalled(1, "one", "one/m", "ok", 200, 1, 1),)
    routed = None if blocked else RequestRouted("r", "single", ("one/m",))
    kind = "refused" if blocked else "completed"
    made = Recorded("id", "t", 5, kind, Terminal(**{**end, **fields}), accepted, said, routed, calls)
    return made


def then(
    recorded: Recorded, after: Configuration, before: Configuration | None = None, **seen: Verdict | str
) -> Judgement:
    way = ways(before or configuration(), after, "m", RULES)
    assert set(to_read(recorded, way)) == set(seen)
    return judge(recorded, way, seen, lambda account: True)


def verdict(action: str, name: str = "") -> Verdict:
    return Verdict(action, (), name, "pack")


# screening


def test_a_flag_that_would_block_costs_nothing_and_needs_no_text() -> None:
    found = then(request(screened("flag", "a.flag")), configuration(policy(overrides={"a.flag": "block"})))
    assert found.kinds == ("blocked",)
    assert (found.before, found.after) == (Outcome("flag", "a.flag", "one/m", COST), Outcome("block", "a.flag", "", 0))


def test_a_block_that_would_pass_has_a_cost_that_nobody_knows() -> None:
    found = then(request(screened("block", "a.block")), configuration(policy(disabled=("a.block",))))
    assert (found.kinds, found.cost_known, found.after.model) == (("passed",), False, "one/m")


def test_one_of_two_hits_remains() -> None:
    recorded = request(screened("block", "a.block", "a.redact"))
    found = then(recorded, configuration(policy(disabled=("a.block",))))
    assert (found.kinds, found.after.rule) == (("redacted",), "a.redact")


def test_a_block_of_an_answer_is_paid_for() -> None:
    recorded = request(screened(), screened("flag", "a.flag", stage="response"))
    found = then(recorded, configuration(policy(overrides={"a.flag": "block"})))
    assert (found.kinds, found.after.cost_micros, found.after.model) == (("blocked",), COST, "one/m")


def test_a_rule_that_was_silent_is_looked_for_in_the_text() -> None:
    silent = configuration(policy(overrides={"a.block": "approve"}))
    found = then(
        request(screened()), configuration(), silent, request=verdict("block", "a.block"), response=verdict("approve")
    )
    assert (found.kinds, found.after.rule) == (("blocked",), "a.block")
    way = ways(silent, configuration(), "m", RULES)
    looked = look_with(request(screened()), way, "request")
    assert looked.disabled == frozenset({"a.redact", "a.flag"}), "what was active then left its hits on the log"


def test_no_text_is_read_where_the_answer_is_known() -> None:
    silent = configuration(policy(overrides={"a.redact": "approve"}))
    recorded = request(screened("block", "a.block"))
    assert then(recorded, configuration(), silent) == Judgement(
        Outcome("block", "a.block", "", 0), Outcome("block", "a.block", "", 0)
    )


def test_an_incomplete_list_of_hits_is_made_anew() -> None:
    said = RequestScreened("request", "flag", TOO_MANY_HITS, "pack", (), 9)
    after = configuration(policy(overrides={"a.flag": "redact"}))
    found = then(request(said), after, request=verdict("redact", "a.flag"))
    assert found.kinds == ("redacted",)
    assert look_with(request(said), ways(configuration(), after, "m", RULES), "request").disabled == frozenset()


def test_other_allowed_values_need_the_texts_of_what_was_hit_or_let_pass() -> None:
    one, other = ("aa" * 32,), ("bb" * 32,)
    before, after = configuration(policy(allowed=one)), configuration(policy(allowed=other))
    way = ways(before, after, "m", RULES)
    assert to_read(request(screened()), way) == ()
    said = msgspec.structs.replace(screened(), allowed=1)
    assert to_read(request(said), way) == ("request",)
    look = look_with(request(said), way, "request")
    assert (look.allowed, look.disabled) == (frozenset(other), frozenset())
    assert then(request(said), after, before, request=verdict("block", "a.block")).kinds == ("blocked",)
    # what was blocked is let pass: the look counts, and not the hit on the log
    blocked = request(screened("block", "a.block"))
    assert to_read(blocked, way)[:1] == ("request",)
    found = then(blocked, after, before, request=verdict("approve"))
    assert (found.kinds, found.after.action) == (("passed",), "approve")


def test_what_is_encoded_may_be_found_anew_in_any_text() -> None:
    plain, deep = configuration(policy(normalize=False)), configuration(policy())
    assert to_read(request(screened()), ways(plain, deep, "m", RULES))[:1] == ("request",)
    assert to_read(request(screened()), ways(deep, plain, "m", RULES)) == ()
    assert to_read(request(screened("flag", "a.flag")), ways(deep, plain, "m", RULES)) == ("request",)


def test_a_rule_that_awakes_lets_pass_what_the_candidate_allows() -> None:
    before = configuration(policy(disabled=("a.block",), allowed=("aa" * 32,)))
    after = configuration(policy(allowed=("aa" * 32,), normalize=True))
    way = ways(before, after, "m", RULES)
    assert look_with(request(screened()), way, "request").allowed == frozenset(["aa" * 32])


def test_what_cannot_be_opened_is_told_and_taken_as_it_was() -> None:
    off = configuration(policy(screen_requests=False, screen_responses=False))
    found = then(request(screened()), configuration(), off, request=ERASED, response=verdict("block", "a.block"))
    assert (found.kinds, found.not_judged, found.differs) == ((), ERASED, False)


def test_missing_facts_are_told() -> None:
    recorded = msgspec.structs.replace(request(screened()), accepted=None, damaged=True)
    assert then(recorded, configuration(policy(disabled=("a.flag",)))).not_judged == NO_FACTS
    assert then(recorded, configuration()).not_judged == ""


def test_a_look_afterwards_stops_nobody() -> None:
    observe = configuration(route=Route(id="r", tenant="t", targets=(Target("one"),), placement="observe"))
    found = then(request(screened("block", "a.block")), observe)
    assert found.kinds == ("passed",)
    recorded = msgspec.structs.replace(request(screened()), screened={})
    found = then(recorded, configuration(), observe, request=verdict("redact", "a.redact"), response=verdict("approve"))
    assert found.kinds == ("redacted",)


def test_a_rule_that_there_is_no_more_keeps_what_it_did() -> None:
    said = RequestScreened("request", "redact", "gone.rule", "old", (Hit("gone.rule", "redact", 0, 0, 1),), 9)
    found = then(request(said), configuration(policy(overrides={"a.flag": "block"})))
    assert (found.kinds, found.after.action) == ((), "redact")
    assert then(request(said), configuration(policy(disabled=("gone.rule",)))).kinds == ("passed",)


# routing


def route(*accounts: str, **fields: Any) -> Configuration:
    made = Route(id="r", tenant="t", targets=tuple(map(Target, accounts)), strategy="fallback", **fields)
    return configuration(route=made)


def test_another_account_answers() -> None:
    found = then(request(screened()), route("two"))
    assert (found.kinds, found.before.model, found.after.model) == (("rerouted",), "one/m", "two/m")
    assert found.after.cost_micros == COST


def test_a_second_choice_changes_nothing_while_the_first_answers() -> None:
    assert then(request(screened()), route("one", "two")) == then(request(screened()), configuration())


def test_what_failed_then_is_not_asked_to_answer() -> None:
    failed = ProviderCalled(1, "two", "two/m", "status", 503, 1, 1)
    recorded = request(screened())
    recorded = msgspec.structs.replace(recorded, calls=(failed, *recorded.calls))
    assert then(recorded, route("two", "one"), route("two", "one", max_attempts=4)).kinds == ()
    assert then(recorded, route("two", max_attempts=1)).after.model == "two/m"


def test_a_circuit_that_was_open_is_left_alone() -> None:
    way = ways(configuration(), route("two", "one"), "m", RULES)
    assert judge(request(screened()), way, {}, lambda account: account != "two").kinds == ()
    shut = judge(request(screened()), way, {}, lambda account: False)
    assert (shut.kinds, shut.after.cost_micros) == (("refused",), 0)


def test_a_model_that_no_route_knows_any_more_and_one_that_none_knew() -> None:
    other = configuration(route=Route(id="r", tenant="t", models=("other",)))
    assert then(request(screened()), other).kinds == ("refused",)
    recorded = Recorded("id", "t", 5, "refused", Terminal(model_requested="m", stage="parse", code="model_not_found"))
    found = then(recorded, configuration(), other)
    assert (found.kinds, found.cost_known) == (("served",), False)


# prices


def test_other_prices_for_the_same_usage() -> None:
    found = then(request(screened()), configuration(prices=DEAR))
    assert (found.kinds, found.differs, found.after.cost_micros) == ((), True, 10 * COST)


@pytest.mark.parametrize(
    ("fields", "cost", "known"),
    [({"cost_micros": 77}, 77, False), ({"cost_micros": 0, "usage": Usage()}, 0, True)],
)
def test_what_follows_no_price(fields: dict[str, Any], cost: int, known: bool) -> None:
    found = then(request(screened(), **fields), configuration(prices=DEAR))
    assert (found.after.cost_micros, found.cost_known) == (cost, known)


# an equal configuration

ACTIONS = st.sampled_from(["approve", "flag", "redact", "block"])
NAMES = st.sampled_from([*RULES, "gone.rule"])
HITS = st.lists(st.builds(Hit, NAMES, ACTIONS, st.just(0), st.just(0), st.just(1)), max_size=4).map(tuple)
SCREENED = st.builds(
    RequestScreened, st.just(""), ACTIONS, st.one_of(NAMES, st.just(TOO_MANY_HITS)), st.text(), HITS, st.just(1)
)
TERMINALS = of_type(inspect.type_info(Terminal))
RECORDED = st.builds(
    Recorded,
    st.just("id"),
    st.just("t"),
    st.integers(1),
    st.sampled_from(["completed", "refused", "aborted", "abandoned"]),
    TERMINALS,
    st.one_of(st.none(), of_type(inspect.type_info(RequestAccepted))),
    st.dictionaries(st.sampled_from(["request", "response"]), SCREENED),
    st.one_of(st.none(), of_type(inspect.type_info(RequestRouted))),
    st.lists(of_type(inspect.type_info(ProviderCalled)), max_size=3).map(tuple),
    st.booleans(),
)
POLICIES = st.builds(
    Policy,
    id=st.just("default"),
    tenant=st.just("t"),
    screen_requests=st.booleans(),
    screen_responses=st.booleans(),
    overrides=st.dictionaries(NAMES, ACTIONS),
    disabled=st.lists(NAMES).map(tuple),
)
ROUTES = st.builds(
    Route,
    id=st.just("r"),
    tenant=st.just("t"),
    models=st.lists(st.sampled_from(["*", "m", "x*"]), min_size=1).map(tuple),
    strategy=st.sampled_from(["single", "fallback"]),
    targets=st.lists(st.builds(Target, st.sampled_from(["one", "two", "three"])), max_size=3).map(tuple),
    max_attempts=st.integers(1, 10),
    placement=st.sampled_from(["inline", "stream", "observe"]),
    enabled=st.booleans(),
)


@given(st.lists(RECORDED, max_size=5), POLICIES, ROUTES, st.sampled_from(["m", "one/m", "xyz"]), st.booleans())
def test_the_same_configuration_changes_nothing_whatever_is_recorded(
    recorded: list[Recorded], policy: Policy, route: Route, requested: str, healthy: bool
) -> None:
    way = ways(configuration(policy, route), configuration(policy, route), requested, RULES)
    report = Report()
    for one in recorded:
        assert to_read(one, way) == ()
        report.add(one, judge(one, way, {}, lambda account: healthy))
    assert (report.changed, report.cost_unknown, report.not_judged, sum(report.kinds.values())) == (0, 0, {}, 0)
    assert report.requests == len(recorded)
    assert report.first_examples() == []
    assert all(was == will for _, was, will in report.costs.values())


@given(st.lists(st.tuples(RECORDED, POLICIES, ROUTES), max_size=6), st.randoms())
def test_the_sum_does_not_depend_on_the_order(made: list[tuple[Recorded, Policy, Route]], random: Any) -> None:
    pairs = []
    for number, (recorded, policy, route) in enumerate(made):
        way: Ways = ways(configuration(), configuration(policy, route), "m", RULES)
        seen: dict[str, Verdict | str] = dict.fromkeys(to_read(recorded, way), ERASED)
        one = msgspec.structs.replace(recorded, id=str(number), sequence=number)
        pairs.append((one, judge(one, way, seen, lambda account: True)))
    sums = []
    for _ in range(2):
        report = Report()
        for pair in pairs:
            report.add(*pair)
        examples = [one.id for one, _ in report.first_examples()]
        sums.append((report.kinds, report.costs, report.rules, report.rerouted, report.not_judged, examples))
        random.shuffle(pairs)
    assert sums[0] == sums[1]
    assert sum(report.kinds.values()) <= 2 * len(pairs)


def test_of_many_examples_the_first_are_kept() -> None:
    report = Report()
    judgement = then(request(screened("flag", "a.flag")), configuration(policy(overrides={"a.flag": "block"})))
    for number in reversed(range(100)):
        report.add(msgspec.structs.replace(request(screened("flag", "a.flag")), sequence=number), judgement)
    assert [one.sequence for one, _ in report.first_examples()] == list(range(20))
    assert (report.kinds["blocked"], report.rules) == (100, {("blocked", "a.flag"): 100})
    assert report.costs == {("t", "one/m"): [0, 100 * COST, 0]}
