"""Model: a name that callers use, the account that serves it, and what it costs."""

from __future__ import annotations

import msgspec

from schemas.aggregates.decider import definition, problems_of_id
from schemas.aggregates.header_rules import HeaderRule, problems_of_rules


class Prices(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Micro-dollars for a million tokens: $2.50 is 2,500,000."""

    input: int
    output: int
    cached_input: int | None = None
    """Of the input tokens that the provider had cached; as `input` when not given."""
    cache_write: int | None = None
    """Of the input tokens that the provider put into its cache; as `input` when not given."""
    reasoning: int | None = None
    """Of the output tokens that were thought and not said; as `output` when not given."""
    audio_input: int | None = None
    audio_output: int | None = None
    image: int | None = None
    """Of the input tokens that pictures came to; as `input` when not given."""
    request: int = 0
    """Micro-dollars for each request, whatever its size."""


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    """`account/name`."""
    tenant: str
    upstream: str = ""
    """The provider's own name for it; as the part after the slash when empty."""
    prices: Prices | None = None
    context_tokens: int = 128_000
    max_output_tokens: int = 16_384
    enabled: bool = True
    header_rules: tuple[HeaderRule, ...] = ()
    """Instead of the provider's, when there are any."""

    @property
    def account(self) -> str:
        return self.id.partition("/")[0]

    @property
    def name(self) -> str:
        return self.id.partition("/")[2]

    @property
    def upstream_name(self) -> str:
        return self.upstream or self.name


def _problems(spec: Model) -> list[str]:
    account, slash, name = spec.id.partition("/")
    found = problems_of_id(account, "the account in id")
    if not slash or not name or len(name) > 200 or not name.isprintable() or " " in name:
        found.append("id must have the form account/name")
    if spec.prices is not None:
        for field in Prices.__struct_fields__:
            value = getattr(spec.prices, field)
            if value is not None and not 0 <= value <= 10**12:
                found.append(f"prices.{field} must be from 0 to 10^12 micro-dollars")
    if spec.context_tokens < 1 or spec.max_output_tokens < 1:
        found.append("context_tokens and max_output_tokens must be positive")
    return found + problems_of_rules(spec.header_rules)


class ModelCreated(msgspec.Struct, frozen=True):
    spec: Model


class ModelChanged(msgspec.Struct, frozen=True):
    spec: Model


class ModelRemoved(msgspec.Struct, frozen=True):
    reason: str = ""


DECIDER = definition("model", "models", Model, ModelCreated, ModelChanged, ModelRemoved, _problems)
