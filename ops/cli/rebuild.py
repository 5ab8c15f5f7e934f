"""`nexus rebuild`: builds a view anew from the log beside the live one, and swaps. The work is done in projections."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ops.cli.endpoints import read_endpoints
from ops.cli.exits import CommandFailed, Misused
from ops.cli.output import Output
from ops.progress import Progress
from projections.rebuild import PROJECTIONS, Rebuilt
from projections.rebuild import rebuild as build
from schemas.settings import PREFIX, BadSettings, Settings, read_settings

STORES = ("nats", "postgres", "clickhouse")
"""Endpoints that take the place of settings of the same name."""


def rebuild(args: argparse.Namespace) -> int:
    """Rebuild one view; traffic goes on, and nothing is sent to anybody again."""
    output = Output(args.output)
    if args.projection not in PROJECTIONS:
        raise Misused(f"there is no projection of this name; there are {', '.join(PROJECTIONS)}")
    settings = settings_of(args.data, os.environ)
    progress = Progress(output.stderr)

    def show(done: int, total: int) -> None:
        progress.bar(done, total, args.projection, rate="messages")

    made = asyncio.run(build(args.projection, settings, show))
    progress.done()
    output.result(msgspec.to_builtins(made), _told(made))
    return 0


def settings_of(data: Path, environment: Mapping[str, str]) -> Settings:
    """Settings with the stores of what runs on a data directory.

    Raises:
        CommandFailed: nothing runs there, or the environment is not right.
    """
    endpoints = read_endpoints(data)
    urls = {f"{PREFIX}{name.upper()}_URL": endpoints[name] for name in STORES if endpoints.get(name)}
    try:
        return read_settings({**environment, **urls, f"{PREFIX}DATA_DIR": str(data)})
    except BadSettings as error:
        raise CommandFailed(str(error)) from None


def _told(made: Rebuilt) -> str:
    seconds = made.duration_us / 1e6
    return f"{made.projection} rebuilt: {made.rows:,} rows through TRAFFIC:{made.through_sequence} in {seconds:.1f} s"
