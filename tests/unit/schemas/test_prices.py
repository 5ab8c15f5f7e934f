"""The price catalogue: whole, dated, plausible; a name finds its own entry and no other."""

from __future__ import annotations

from datetime import date

import pytest

from schemas.aggregates.decider import Create
from schemas.aggregates.model import DECIDER, Model
from schemas.prices.catalogue import CATALOGUE, SAME_AS, known_price
from schemas.prices.entry import Entry
from schemas.wires import WIRES

UNPRICED = {"huggingface", "openai_compatible"}
"""What these serve is priced by somebody else."""


def test_it_covers_the_providers() -> None:
    assert len(CATALOGUE) >= 120
    assert {entry.wire for entry in CATALOGUE} | set(SAME_AS) | UNPRICED == set(WIRES)
    assert len({(entry.wire, entry.name.lower()) for entry in CATALOGUE}) == len(CATALOGUE)


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: f"{entry.wire}/{entry.name}")
def test_every_entry_is_one_that_a_model_can_have(entry: Entry) -> None:
    DECIDER.decide(Create(Model(id=f"a/{entry.name}", tenant="t", prices=entry.prices)), None)
    prices = entry.prices
    assert prices.cached_input is None or prices.cached_input < prices.input
    assert prices.cache_write is None or prices.cache_write > prices.input
    assert prices.output == 0 or prices.output >= prices.input
    assert max(prices.input, prices.output) <= 600_000_000 and prices.request <= 10_000
    assert entry.source.title and date(2024, 1, 1) < date.fromisoformat(entry.source.date) < date(2026, 11, 20)
    assert 0 <= entry.batch_percent <= 100
    found = known_price(entry.wire, entry.name)
    assert found is entry


@pytest.mark.parametrize(
    ("wire", "upstream", "name"),
    [
        ("openai", "gpt-4o-2024-08-06", "gpt-4o"), ("openai", "gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),
        ("openai", "gpt-4-0613", "gpt-4"), ("azure", "gpt-4o-mini", "gpt-4o-mini"), ("openai", "gpt-4o-nano", None),
        ("anthropic", "claude-3-5-sonnet-20241022", "claude-3-5-sonnet"),
        ("anthropic", "claude-3-5-sonnet-latest", "claude-3-5-sonnet"),
        ("gemini", "models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("vertex", "gemini-2.5-flash", "gemini-2.5-flash"), ("mistral", "mistral-large-latest", "mistral-large"),
        ("mistral", "mistral-small-2506", "mistral-small"), ("xai", "grok-4-0709", "grok-4"),
        ("bedrock", "us.anthropic.claude-3-5-sonnet-20241022-v2:0", "anthropic.claude-3-5-sonnet"),
        ("bedrock", "amazon.nova-pro-v1:0", "amazon.nova-pro"), ("openai_compatible", "gpt-4o", None),
        ("huggingface", "gpt-4o", None), ("openai", "my-gpt-4o", None), ("openai", "", None),
    ],
)  # fmt: skip
def test_names(wire: str, upstream: str, name: str | None) -> None:
    found = known_price(wire, upstream)
    assert (found.name if found else None) == name
