"""The faults that have a command of their own, `--scenario NAME`: what a campaign cannot do beside others. By name."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Coroutine
from typing import Any

from benchmarks.chaos.oracle import Promise

Scenario = Callable[[argparse.Namespace], Coroutine[Any, Any, list[Promise]]]
"""Sees to its own Nexus, does its fault with `given.seed` (and within `given.minutes`), and returns what was judged."""

SCENARIOS: dict[str, Scenario] = {}
"""A line a scenario: `"power-loss": faults_power.run`."""
