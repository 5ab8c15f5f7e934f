"""`nexus prices`: what the catalogue says that well-known models cost. Data of this installation; nobody is called."""

from __future__ import annotations

import argparse
from typing import Any

import msgspec

from ops.cli.exits import NOT_FOUND, OK, CommandFailed
from ops.cli.nearest import nearest
from ops.cli.output import Output
from schemas.prices.catalogue import CATALOGUE, known_price
from schemas.prices.entry import Entry

COLUMNS = ("wire", "name", "input", "cached_input", "output", "request", "date")


def _row(entry: Entry) -> dict[str, Any]:
    """Amounts in US dollars for a million tokens; `request` for one call."""
    prices = {
        name: None if value is None or (name == "request" and not value) else value / 1_000_000
        for name, value in msgspec.structs.asdict(entry.prices).items()
    }
    return {
        "wire": entry.wire,
        "name": entry.name,
        **prices,
        "batch_percent": entry.batch_percent or None,
        "note": entry.note or None,
        "source": entry.source.title,
        "date": entry.source.date,
    }


def ls(args: argparse.Namespace) -> int:
    """All entries, or those of one kind of provider."""
    rows = [_row(entry) for entry in CATALOGUE if args.wire in ("", entry.wire)]
    Output(args.output).rows(rows, COLUMNS, f"no prices are known of the wire {args.wire}")
    return OK


def show(args: argparse.Namespace) -> int:
    """The entry that a model of this name would get at an account of this kind."""
    entry = known_price(args.wire, args.name)
    if entry is None:
        names = [each.name for each in CATALOGUE if each.wire == args.wire] or sorted({each.wire for each in CATALOGUE})
        raise CommandFailed(f"no price is known of {args.name} at {args.wire}{nearest(args.name, names)}", NOT_FOUND)
    row = _row(entry)
    Output(args.output).result(row, "\n".join(f"{name}: {value}" for name, value in row.items() if value is not None))
    return OK
