"""What an account's list is after its provider told it, or did not."""

from __future__ import annotations

import msgspec

from schemas.aggregates.decider import Put
from schemas.aggregates.model_list import (
    DECIDER,
    MAX_MODELS,
    Listed,
    ModelList,
    ModelListChanged,
    ModelListCreated,
    listed,
    unlisted,
)
from schemas.errors import InvalidRequest
from tests.unit.schemas.aggregates.given import stories_of

given = stories_of(DECIDER)


def told(*names: str, at_us: int = 1, failed: str = "", wire: str = "openai") -> ModelList:
    models = tuple(Listed(name=name) for name in names)
    return ModelList(id="east", tenant="t", wire=wire, models=models, at_us=at_us, failed=failed)


def test_the_first_list_is_a_fact_and_the_same_one_later_is_none() -> None:
    first = told("gpt-4o", at_us=1)
    after = given().when(Put(listed(None, first))).then(ModelListCreated(first))
    after.when(Put(listed(first, told("gpt-4o", at_us=2)))).then()


def test_another_list_is_a_fact() -> None:
    first, second = told("gpt-4o", at_us=1), told("gpt-4o", "gpt-5", at_us=2)
    given(ModelListCreated(first)).when(Put(listed(first, second))).then(ModelListChanged(second))


def test_a_failure_keeps_the_list_and_is_one_fact_however_often_it_comes() -> None:
    first = told("gpt-4o", at_us=1)
    failed = unlisted(first, told(at_us=2, failed="timeout"))
    assert failed == msgspec.structs.replace(first, at_us=2, failed="timeout")
    after = given(ModelListCreated(first)).when(Put(failed)).then(ModelListChanged(failed))
    after.when(Put(unlisted(failed, told(at_us=3, failed="status 401")))).then()


def test_a_failure_before_any_list_is_a_fact() -> None:
    nothing = told(at_us=1, failed="connect")
    given().when(Put(unlisted(None, nothing))).then(ModelListCreated(nothing))


def test_a_list_that_comes_again_takes_the_mark_away() -> None:
    failed, again = told("gpt-4o", at_us=2, failed="timeout"), told("gpt-4o", at_us=3)
    given(ModelListCreated(failed)).when(Put(listed(failed, again))).then(ModelListChanged(again))


def test_what_another_kind_of_provider_had_told_is_not_kept() -> None:
    nothing = told(at_us=2, failed="connect", wire="anthropic")
    assert unlisted(told("gpt-4o"), nothing) == nothing


def test_a_list_out_of_order_or_too_long_or_of_names_nobody_can_call_is_refused() -> None:
    given().when(Put(told("b", "a"))).then_refused(InvalidRequest, "order")
    given().when(Put(told("a", "a"))).then_refused(InvalidRequest, "once")
    given().when(Put(told("a b"))).then_refused(InvalidRequest, "space")
    many = told(*(f"{number:05}" for number in range(MAX_MODELS + 1)))
    given().when(Put(many)).then_refused(InvalidRequest, "models may hold")
