"""Prices for a model that is made without any: from the catalogue, as of its day. Nothing is stored here."""

from __future__ import annotations

import msgspec

from ingress.admin.intake import Completed
from ingress.admin.references import ConfigView
from schemas.aggregates.decider import State
from schemas.aggregates.model import Model
from schemas.aggregates.provider import Provider
from schemas.prices.catalogue import known_price


def with_prices(completed: Completed, current: State, view: ConfigView) -> Completed:
    """The model with the prices of the catalogue where its caller gave none, and with what the caller is told of them.

    A model that is there keeps its prices when it is sent again without: only an explicit change takes them away.
    """
    spec = completed.spec
    if not isinstance(spec, Model) or spec.prices is not None:
        return completed
    if isinstance(current, Model):
        return Completed(msgspec.structs.replace(spec, prices=current.prices), completed.once)
    account = view.state_of("provider", spec.tenant, spec.account)
    entry = known_price(account.wire, spec.upstream_name) if isinstance(account, Provider) else None
    if entry is None:
        told = "none is known; a budget refuses this model until prices are set"
        return Completed(spec, {**completed.once, "prices_from": told})
    told = f"{entry.source.title}, {entry.source.date}: {entry.name}" + (f" ({entry.note})" if entry.note else "")
    return Completed(msgspec.structs.replace(spec, prices=entry.prices), {**completed.once, "prices_from": told})
