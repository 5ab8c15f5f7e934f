"""Laws of money: integers only, rounded once, and what is set aside covers what is spent."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.aggregates.model import Prices
from schemas.facts.traffic import Usage
from schemas.pricing import affordable_output, ceiling_micros, cost_micros, estimate_tokens

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


@given(st.integers(0, 10**7), st.integers(0, 1000))
def test_estimates_grow_with_the_prompt(size: int, messages: int) -> None:
    assert estimate_tokens(size, messages) >= size // 2
    assert estimate_tokens(size + 2, messages) > estimate_tokens(size, messages)
    assert estimate_tokens(size, messages + 1) > estimate_tokens(size, messages)
