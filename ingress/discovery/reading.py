"""From a provider's list of models to the account's. Pure: data in `schemas.listings` says how each is read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import msgspec

from schemas.aggregates.model_list import MAX_MODELS, Listed, ModelList, callable_by
from schemas.aggregates.provider import Provider
from schemas.linear_pattern import LinearPattern
from schemas.listings import Listing
from schemas.prices.catalogue import known_price
from schemas.tokens import MOST_TOKENS

MOST_BYTES = 8 * 1024 * 1024
"""Of one answer, several times the longest that there is; more would take seconds to read."""
LONGEST_TOKEN = 4_096
"""Characters."""


class BadList(ValueError):
    """An answer that is no list of models. The text quotes nothing of it."""


class Page(msgspec.Struct, frozen=True):
    """What one answer told."""

    models: tuple[Listed, ...]
    token: str = ""
    """For the next one; empty after the last."""


def path_of(listing: Listing, version: str, token: str = "") -> str:
    """What to ask behind the base URL: the first page, or the one that a token is for."""
    path = listing.path.replace("{version}", quote(version))
    if not token:
        return path
    return f"{path}{'&' if '?' in path else '?'}{listing.parameter}={quote(token, safe='')}"


def read_page(listing: Listing, raw: bytes) -> Page:
    """
    Raises:
        BadList: it cannot be read.
    """
    if len(raw) > MOST_BYTES:
        raise BadList("the answer is too large")
    try:
        told = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadList("the answer is no JSON") from None
    # some that speak OpenAI's format leave the object around the list out
    items = told.get(listing.models) if isinstance(told, dict) else told
    if items is None and isinstance(told, dict) and listing.models != "data" and not told.get("error"):
        # protocol buffers in JSON leave out what is empty
        items = []
    if not isinstance(items, list):
        raise BadList("the answer holds no list of models")
    found = tuple(each for item in items if (each := _listed(listing, item)) is not None)
    return Page(found, _token(listing, told) if isinstance(told, dict) else "")


def _listed(listing: Listing, item: Any) -> Listed | None:
    """One of the list; None for what nobody could call."""
    name = item.get(listing.name) if isinstance(item, dict) else None
    if not isinstance(name, str):
        return None
    name = name.removeprefix(listing.prefix)
    if not callable_by(name):
        return None
    return Listed(
        name=name, context_tokens=_count(item, listing.context), max_output_tokens=_count(item, listing.output)
    )


def _count(item: dict[str, Any], field: str) -> int:
    value = item.get(field) if field else None
    return value if type(value) is int and 0 < value < MOST_TOKENS else 0


def _token(listing: Listing, told: dict[str, Any]) -> str:
    if not listing.token or (listing.more and told.get(listing.more) is not True):
        return ""
    token = told.get(listing.token)
    if not isinstance(token, str):
        return ""
    if len(token) > LONGEST_TOKEN:
        raise BadList("the answer's token of the next page is too long")
    return token


def list_of(provider: Provider, models: Iterable[Listed], now_us: int) -> ModelList:
    """An account's list: what its filter lets through, each once, with the prices of the catalogue."""
    pattern = LinearPattern(provider.model_filter) if provider.model_filter else None
    by_name = {each.name: each for each in models if pattern is None or pattern.matches(each.name)}
    names = sorted(by_name)
    return ModelList(
        id=provider.id,
        tenant=provider.tenant,
        wire=provider.wire,
        models=tuple(_priced(provider.wire, by_name[name]) for name in names[:MAX_MODELS]),
        left_out=len(names[MAX_MODELS:]),
        at_us=now_us,
    )


def _priced(wire: str, model: Listed) -> Listed:
    entry = known_price(wire, model.name)
    if entry is None:
        return model
    told = f"{entry.source.title}, {entry.source.date}"
    return msgspec.structs.replace(model, prices=entry.prices, prices_from=told)
