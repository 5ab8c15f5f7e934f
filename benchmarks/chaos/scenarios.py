"""The faults that have a command of their own, `--scenario NAME`: what a campaign cannot do beside others. By name."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Coroutine
from typing import Any

from benchmarks.chaos import absence, clock, disk_full, power_loss, versions
from benchmarks.chaos.oracle import Promise

Scenario = Callable[[argparse.Namespace], Coroutine[Any, Any, list[Promise]]]
"""Sees to its own Nexus, does its fault with `given.seed` (and within `given.minutes`), and returns what was judged."""

SCENARIOS: dict[str, Scenario] = {
    "absence": absence.run,
    "clock": clock.run,
    "disk-full": disk_full.run,
    "power-loss": power_loss.run,
    "versions": versions.run,
}
"""A line a scenario."""
USUAL = {"absence": (absence.MINUTES, absence.RATE)}
"""Minutes, and requests begun a second, where they are others than a campaign's."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """What only scenarios need to be told."""
    parser.add_argument("--rounds", type=int, default=0, help="how often a scenario does its fault (0: its own number)")
    parser.add_argument("--with", dest="revision", default="", help="the other version that runs beside this one")
