"""Money: what tokens cost, in integer micro-dollars. Pure."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from schemas.aggregates.model import Prices
from schemas.facts.traffic import Usage
from schemas.tokens import MOST_TOKENS

PER = 1_000_000
"""Prices are for so many tokens."""


def believable(usage: Usage) -> Usage:
    """The same with no count above `MOST_TOKENS`: a provider may tell any number, and the log holds 64 bits."""
    # compared one by one: `max` takes twenty times as long, and every request comes through here
    if (
        usage.input_tokens <= MOST_TOKENS
        and usage.output_tokens <= MOST_TOKENS
        and usage.cached_tokens <= MOST_TOKENS
        and (not _has_kinds(usage) or max(usage.reasoning_tokens, *_kinds(usage)) <= MOST_TOKENS)
    ):
        return usage
    return Usage(
        *(each if isinstance(each, bool) else min(each, MOST_TOKENS) for each in msgspec.structs.astuple(usage))
    )


def _kinds(usage: Usage) -> tuple[int, ...]:
    return usage.cache_write_tokens, usage.audio_input_tokens, usage.audio_output_tokens, usage.image_tokens


def cost_micros(prices: Prices | None, usage: Usage) -> int:
    """Micro-dollars, rounded half up once over the sum; 0 for a model without prices.

    Kinds of tokens that are not told apart by price cost what input or output costs. A provider that counts more of one
    kind than there was in all is believed about the kind and not about the rest.
    """
    if prices is None:
        return 0
    total = usage.input_tokens * prices.input + usage.output_tokens * prices.output
    if usage.cached_tokens and prices.cached_input is not None:
        total += min(usage.cached_tokens, usage.input_tokens) * (prices.cached_input - prices.input)
    if _has_kinds(usage):
        total += _differences(prices, usage)
    # `max` takes twenty times as long
    return prices.request + ((total if total > 0 else 0) + PER // 2) // PER


def _has_kinds(usage: Usage) -> bool:
    return bool(
        usage.reasoning_tokens
        or usage.cache_write_tokens
        or usage.audio_input_tokens
        or usage.audio_output_tokens
        or usage.image_tokens
    )


def _differences(prices: Prices, usage: Usage) -> int:
    """What the kinds of tokens with a price of their own cost more (or less) than plain ones, times a million."""
    total = 0
    for tokens, most, price, plain in (
        (usage.cache_write_tokens, usage.input_tokens, prices.cache_write, prices.input),
        (usage.audio_input_tokens, usage.input_tokens, prices.audio_input, prices.input),
        (usage.image_tokens, usage.input_tokens, prices.image, prices.input),
        (usage.reasoning_tokens, usage.output_tokens, prices.reasoning, prices.output),
        (usage.audio_output_tokens, usage.output_tokens, prices.audio_output, prices.output),
    ):
        if price is not None:
            total += min(tokens, most) * (price - plain)
    return total


@lru_cache(maxsize=4_096)
def _dearest(prices: Prices) -> tuple[int, int]:
    """What an input token and an output token cost at most, times a million."""
    return (
        max(
            prices.input, prices.cached_input or 0, prices.cache_write or 0, prices.audio_input or 0, prices.image or 0
        ),
        max(prices.output, prices.reasoning or 0, prices.audio_output or 0),
    )


def ceiling_micros(prices: Prices | None, input_tokens: int, output_tokens: int) -> int:
    """The most that so many tokens can cost, rounded up."""
    if prices is None:
        return 0
    input_price, output_price = _dearest(prices)
    return prices.request - (-(input_tokens * input_price + output_tokens * output_price) // PER)


def affordable_output(prices: Prices, micros: int, input_tokens: int) -> int:
    """Output tokens that fit into so much money after the input is paid; negative when not even the input fits."""
    input_price, output_price = _dearest(prices)
    left = (micros - prices.request) * PER - input_tokens * input_price
    if left < 0:
        return -1
    return left // output_price if output_price else 1 << 31
