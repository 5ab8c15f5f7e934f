"""Money: what tokens cost, in integer micro-dollars. Pure."""

from __future__ import annotations

from schemas.aggregates.model import Prices
from schemas.facts.traffic import Usage

PER = 1_000_000
"""Prices are for so many tokens."""


def cost_micros(prices: Prices | None, usage: Usage) -> int:
    """Micro-dollars, rounded half up once over the sum; 0 for a model without prices."""
    if prices is None:
        return 0
    cached = min(usage.cached_tokens, usage.input_tokens)
    cached_price = prices.input if prices.cached_input is None else prices.cached_input
    total = (usage.input_tokens - cached) * prices.input + cached * cached_price + usage.output_tokens * prices.output
    return (total + PER // 2) // PER


def ceiling_micros(prices: Prices | None, input_tokens: int, output_tokens: int) -> int:
    """The most that so many tokens can cost, rounded up."""
    if prices is None:
        return 0
    return -(-(input_tokens * max(prices.input, prices.cached_input or 0) + output_tokens * prices.output) // PER)


def affordable_output(prices: Prices, micros: int, input_tokens: int) -> int:
    """Output tokens that fit into so much money after the input is paid; negative when not even the input fits."""
    left = micros * PER - input_tokens * max(prices.input, prices.cached_input or 0)
    if left < 0:
        return -1
    return left // prices.output if prices.output else 1 << 31


def estimate_tokens(utf8_bytes: int, messages: int) -> int:
    """A ceiling for the tokens of a prompt, good enough to set money aside with.

    Byte-level BPE makes at most one token of a byte and about one of four bytes of English; half the bytes covers dense
    scripts and code. Eight tokens a message cover the chat format.
    """
    return utf8_bytes // 2 + 8 * messages + 8
