"""Laws of money: integers only, rounded once, and what is set aside covers what is spent."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.aggregates.model import Prices
from schemas.facts.traffic import Usage
from schemas.pricing import affordable_output, believable, ceiling_micros, cost_micros
from schemas.tokens import MOST_TOKENS

TOKENS = st.integers(0, 10_000_000)
PER_MILLION = st.integers(0, 10**9)
PRICES = st.builds(Prices, input=PER_MILLION, output=PER_MILLION, cached_input=st.none() | PER_MILLION)
USAGE = st.builds(Usage, input_tokens=TOKENS, output_tokens=TOKENS, cached_tokens=TOKENS)


def exact(prices: Prices, usage: Usage) -> Fraction:
    """The cost before rounding."""
    cached = min(usage.cached_tokens, usage.input_tokens)
    cached_price = prices.input if prices.cached_input is None else prices.cached_input
    fresh = usage.input_tokens - cached
    return Fraction(fresh * prices.input + cached * cached_price + usage.output_tokens * prices.output, 1_000_000)


@given(PRICES, USAGE)
def test_cost_is_off_by_half_a_micro_dollar_at_most(prices: Prices, usage: Usage) -> None:
    assert abs(cost_micros(prices, usage) - exact(prices, usage)) <= Fraction(1, 2)


@given(PRICES, USAGE)
def test_what_is_set_aside_covers_what_is_spent(prices: Prices, usage: Usage) -> None:
    assert ceiling_micros(prices, usage.input_tokens, usage.output_tokens) >= cost_micros(prices, usage)


@given(PRICES, TOKENS, st.integers(0, 10**12))
def test_affordable_output_is_affordable_and_the_most(prices: Prices, input_tokens: int, micros: int) -> None:
    output = affordable_output(prices, micros, input_tokens)
    if output < 0:
        assert ceiling_micros(prices, input_tokens, 0) > micros
        return
    assert ceiling_micros(prices, input_tokens, output if prices.output else 0) <= micros
    if prices.output:
        assert ceiling_micros(prices, input_tokens, output + 1) > micros


@pytest.mark.parametrize(
    ("usage", "micros"),
    [
        (Usage(), 0),
        (Usage(input_tokens=1_000_000), 2_500_000),
        (Usage(output_tokens=1), 10),
        (Usage(input_tokens=1), 3),  # 2.5 rounds up
        (Usage(input_tokens=3), 8),  # 7.5 rounds up, once over the sum
        (Usage(input_tokens=100, cached_tokens=100), 125),
        (Usage(input_tokens=100, cached_tokens=40), 200),
        (Usage(input_tokens=10, cached_tokens=1_000), 13),  # more cached than there was: all of it cached
    ],
)
def test_costs_by_hand(usage: Usage, micros: int) -> None:
    prices = Prices(input=2_500_000, output=10_000_000, cached_input=1_250_000)
    assert cost_micros(prices, usage) == micros


def test_cached_tokens_cost_the_same_when_nothing_is_said() -> None:
    prices = Prices(input=2_000_000, output=0)
    assert cost_micros(prices, Usage(input_tokens=10, cached_tokens=10)) == 20


def test_a_model_without_prices_is_free() -> None:
    assert cost_micros(None, Usage(input_tokens=10**6)) == 0
    assert ceiling_micros(None, 10**6, 10**6) == 0


KINDS = Prices(
    input=1_000_000, output=2_000_000, cached_input=100_000, cache_write=1_250_000, reasoning=3_000_000,
    audio_input=4_000_000, audio_output=5_000_000, image=1_500_000, request=7,
)  # fmt: skip


@pytest.mark.parametrize(
    ("usage", "micros"),
    [
        (Usage(), 7),
        (Usage(input_tokens=100, cache_write_tokens=40), 7 + 110),
        (Usage(input_tokens=100, cached_tokens=50, cache_write_tokens=40), 7 + 65),
        (Usage(input_tokens=100, audio_input_tokens=10), 7 + 130),
        (Usage(input_tokens=100, image_tokens=10), 7 + 105),
        (Usage(output_tokens=100, reasoning_tokens=60), 7 + 260),
        (Usage(output_tokens=100, audio_output_tokens=20), 7 + 260),
        (Usage(input_tokens=10, cache_write_tokens=1_000), 7 + 13),
    ],
)
def test_each_kind_of_token_has_its_price(usage: Usage, micros: int) -> None:
    assert cost_micros(KINDS, usage) == micros


def test_kinds_without_a_price_of_their_own_cost_as_plain_ones() -> None:
    plain = Prices(input=1_000_000, output=2_000_000)
    assert cost_micros(plain, Usage(100, 50, reasoning_tokens=20, image_tokens=30)) == 200


@given(
    reading=st.integers(0, 10_000),
    writing=st.integers(0, 10_000),
    parts=st.lists(st.integers(0, 5_000), min_size=5, max_size=5),
)
def test_nothing_costs_more_than_its_ceiling(reading: int, writing: int, parts: list[int]) -> None:
    half_in, half_out = reading // 3, writing // 2
    usage = Usage(
        reading, writing, min(parts[0], half_in), min(parts[1], half_out), False,
        min(parts[2], half_in), min(parts[3], half_in), min(parts[4], half_out), 0,
    )  # fmt: skip
    assert cost_micros(KINDS, usage) <= ceiling_micros(KINDS, reading, writing)


@pytest.mark.parametrize("told", [2**63, 2**64, 10**400])
@pytest.mark.parametrize("field", [name for name in Usage.__struct_fields__ if name != "estimated"])
def test_whatever_number_a_provider_tells_can_be_put_on_the_log(told: int, field: str) -> None:
    usage = believable(Usage(**{"estimated": True, field: told}))
    assert usage == Usage(**{"estimated": True, field: MOST_TOKENS})
    dearest = Prices(input=10**12, output=10**12, audio_input=10**12, image=10**12)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(usage), type=Usage) == usage
    assert cost_micros(dearest, usage) < 2**63


@given(USAGE)
def test_what_can_be_believed_is(usage: Usage) -> None:
    assert believable(usage) is usage
