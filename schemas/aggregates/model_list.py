"""Model list: what a provider says that an account may call, as it was told last. Discovery writes it, nobody else."""

from __future__ import annotations

import msgspec

from schemas.aggregates.decider import definition, problems_of_id
from schemas.aggregates.model import Prices

MAX_MODELS = 2_000
"""Of one account: every gateway keeps them in memory. The account's `model_filter` says which are wanted."""


class Listed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model of a list."""

    name: str
    """The provider's own."""
    context_tokens: int = 0
    """0 where the provider does not say."""
    max_output_tokens: int = 0
    prices: Prices | None = None
    """Of the catalogue that there was when the provider was asked: a fact, so that what was charged can be told."""
    prices_from: str = ""
    """Whose prices, of which day."""


class ModelList(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    """Of the account."""
    tenant: str
    wire: str
    """The kind of provider that was asked; the list is nothing for an account of another kind."""
    models: tuple[Listed, ...] = ()
    """In the order of their names."""
    left_out: int = 0
    """Beyond `MAX_MODELS`."""
    at_us: int = 0
    """When it was first as it is now."""
    failed: str = ""
    """Why it could not be had anew since then; empty while it can."""


def _problems(spec: ModelList) -> list[str]:
    found = problems_of_id(spec.id)
    names = [each.name for each in spec.models]
    if len(names) > MAX_MODELS:
        found.append(f"models may hold {MAX_MODELS:,}")
    if names != sorted(set(names)):
        found.append("models must be in the order of their names, each once")
    if not all(map(callable_by, names)):
        found.append("in models, names have 1 to 200 printable characters and no space")
    return found


def callable_by(name: str) -> bool:
    """Whether a model may have this name here, see `schemas.aggregates.model`."""
    return 0 < len(name) <= 200 and name.isprintable() and " " not in name


def listed(before: ModelList | None, told: ModelList) -> ModelList:
    """What is in force after a provider told its list: what was, when nothing is new in it."""
    if before is not None and msgspec.structs.replace(before, at_us=told.at_us) == told:
        return before
    return told


def unlisted(before: ModelList | None, nothing: ModelList) -> ModelList:
    """What is in force after a provider did not tell its list: the last one, marked once.

    Args:
        nothing: a list without models that says when, and why.
    """
    if before is None or before.wire != nothing.wire:
        # what another kind of provider had told is worth nothing any more
        return nothing
    if before.failed:
        return before
    return msgspec.structs.replace(before, at_us=nothing.at_us, failed=nothing.failed)


class ModelListCreated(msgspec.Struct, frozen=True):
    spec: ModelList


class ModelListChanged(msgspec.Struct, frozen=True):
    spec: ModelList


class ModelListRemoved(msgspec.Struct, frozen=True):
    reason: str = ""


DECIDER = msgspec.structs.replace(
    definition("model-list", "model-lists", ModelList, ModelListCreated, ModelListChanged, ModelListRemoved, _problems),
    by_hand=False,
)
