"""What `nexus up` was asked for, checked, and the settings that come of it. Starts nothing."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ops.cli.apply import read_items
from ops.cli.configuration import Item
from ops.cli.exits import Misused
from ops.stack.stack import CLICKHOUSE, NATS, POSTGRES, VALKEY
from schemas.settings import PREFIX, BadSettings, Settings, read_settings

GATEWAY, ADMIN, MOCK, WORKERS = "gateway", "admin", "mock", "workers"
DEFAULT = (GATEWAY, ADMIN, MOCK, WORKERS)
PROCESSORS = ("audit", "analytics", "quota", "compliance", "routing", "siem", "reconcile", "checkpoint")
"""Each may be a process of its own; `workers` is one process with all of them."""
GATEWAY_PORT, ADMIN_PORT = 3050, 3001


@dataclass(frozen=True)
class Options:
    """One start."""

    data: Path
    """Absolute."""
    processes: tuple[str, ...]
    """Of Nexus's own; none with `--only stack`."""
    gateway_port: int | None
    """None: as before on this data, else the default; 0: any free one."""
    admin_port: int | None
    items: tuple[Item, ...] | None
    """What `--config` says; None without it."""
    settings: Settings
    """From the environment; URLs are empty where a service is to be started."""

    @property
    def elsewhere(self) -> dict[str, str]:
        """URL by service for what runs somewhere else."""
        given = {
            NATS: self.settings.nats_url,
            POSTGRES: self.settings.postgres_url,
            CLICKHOUSE: self.settings.clickhouse_url,
            VALKEY: self.settings.valkey_url,
        }
        return {name: url for name, url in given.items() if url}


def read(args: argparse.Namespace, environment: Mapping[str, str]) -> Options:
    """The options of a command line.

    Raises:
        Misused: something in them, in the environment or in the file of `--config` is wrong.
    """
    data = args.data.expanduser().resolve()
    processes = () if args.only else processes_of(args.processes)
    if args.only and (args.processes or args.config):
        raise Misused("--only stack starts none of Nexus's processes: leave out --processes and --config")
    if args.config is not None and ADMIN not in processes:
        raise Misused("--config is applied through the admin plane: add admin to --processes")
    return Options(
        data=data,
        processes=processes,
        gateway_port=_port(args.gateway_port, environment, "gateway_port"),
        admin_port=_port(args.admin_port, environment, "admin_port"),
        items=None if args.config is None else tuple(read_items(args.config)),
        settings=settings_of(environment, data),
    )


def processes_of(names: Sequence[str] | None) -> tuple[str, ...]:
    """The processes that `--processes` names, each once, in the order given; the default for None.

    Raises:
        Misused: an unknown name, or workers beside one of them.
    """
    if names is None:
        return DEFAULT
    chosen = tuple(dict.fromkeys(names))
    known = (*DEFAULT, *PROCESSORS)
    if unknown := [name for name in chosen if name not in known]:
        raise Misused(f"--processes: there is no {', '.join(unknown)}; the names are {', '.join(known)}")
    if not chosen:
        raise Misused(f"--processes: name one or more of {', '.join(known)}")
    if WORKERS in chosen and (twice := [name for name in chosen if name in PROCESSORS]):
        raise Misused(f"--processes: {WORKERS} has {', '.join(twice)} already; name one or the other")
    return chosen


def settings_of(environment: Mapping[str, str], data: Path) -> Settings:
    """The settings that the environment makes, on a data directory.

    Raises:
        Misused: all that is wrong with them.
    """
    # the URL of the log is required of a process; here its absence means that the log is to be started
    given = {f"{PREFIX}NATS_URL": "", **environment, f"{PREFIX}DATA_DIR": str(data)}
    try:
        return read_settings(given)
    except BadSettings as error:
        raise Misused("\n".join(["the environment is not right:", *(f"  {line}" for line in error.problems)])) from None


def _port(flag: int | None, environment: Mapping[str, str], name: str) -> int | None:
    """The port of the flag, else of the environment; None when neither has one."""
    if flag is not None or f"{PREFIX}{name.upper()}" not in environment:
        return flag
    port: int = msgspec.convert(environment[f"{PREFIX}{name.upper()}"], int, strict=False)
    return port
