"""`nexus models` and `nexus providers refresh`: what there is to call, and asking a provider for it now."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from ops.cli.admin_client import AdminClient, path_of
from ops.cli.endpoints import admin_of
from ops.cli.exits import FAILED, OK
from ops.cli.output import Output
from schemas.aggregates.model import Model
from schemas.aggregates.model_list import ModelList
from schemas.aggregates.provider import Provider
from schemas.routing.choose import Table, compile_table

COLUMNS = ("id", "tenant", "from", "upstream", "context_tokens", "input", "output", "prices_from")
LISTS = "model-lists"

SpecT = TypeVar("SpecT", bound=msgspec.Struct)


def ls(args: argparse.Namespace) -> int:
    """What callers may name, configured or listed by a provider; who may is said by their keys."""
    admin = admin_of(args.data)
    providers = specs(admin, "providers", Provider, args.tenant)
    models = specs(admin, "models", Model, args.tenant)
    lists = specs(admin, LISTS, ModelList, args.tenant)
    rows = [
        row for tenant in sorted({each.tenant for each in providers}) for row in _rows(tenant, providers, models, lists)
    ]
    Output(args.output).rows(rows, COLUMNS, "there are no models; configure some, or see `nexus providers refresh`")
    failing = [each for each in lists if each.failed]
    for each in failing:
        Output(args.output).message(f"the models of {each.id} could not be had anew: {each.failed}")
    return OK


def refresh(args: argparse.Namespace) -> int:
    """Asks a provider for the models of an account now."""
    found = admin_of(args.data).call("POST", path_of(LISTS, args.id), query={"tenant": args.tenant}).body
    output = Output(args.output)
    told = f"{args.id}: {len(found['models'])} models" + (
        f", {found['left_out']} left out" if found["left_out"] else ""
    )
    output.result(found, told + (f"; could not be had anew: {found['failed']}" if found["failed"] else ""))
    return FAILED if found["failed"] else OK


def listed_ids(admin: AdminClient, tenant: str) -> Iterator[str]:
    """`account/model` of everything that providers list."""
    for one in admin.pages(path_of(LISTS), {"tenant": tenant}):
        yield from (f"{one['id']}/{model['name']}" for model in one["models"])


def specs(admin: AdminClient, collection: str, kind: type[SpecT], tenant: str | None) -> list[SpecT]:
    known = kind.__struct_fields__
    return [
        msgspec.convert({name: value for name, value in one.items() if name in known}, kind)
        for one in admin.pages(path_of(collection), {"tenant": tenant})
    ]


def _rows(
    tenant: str, providers: list[Provider], models: list[Model], lists: list[ModelList]
) -> Iterator[dict[str, Any]]:
    """As a gateway of this version has it."""
    own = [each for each in models if each.tenant == tenant]
    told = [each for each in lists if each.tenant == tenant]
    table: Table = compile_table((), (each for each in providers if each.tenant == tenant), own, told)
    configured = {each.id for each in own}
    dated = {f"{each.id}/{one.name}": one.prices_from for each in told for one in each.models}
    for model in table.models.values():
        prices = model.prices
        yield {
            "id": model.id,
            "tenant": tenant,
            "from": "configuration" if model.id in configured else "provider",
            "upstream": model.upstream_name,
            "context_tokens": model.context_tokens,
            "input": None if prices is None else prices.input / 1_000_000,
            "output": None if prices is None else prices.output / 1_000_000,
            "prices_from": None if model.id in configured else dated.get(model.id) or None,
        }
