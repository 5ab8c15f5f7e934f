"""A short form of the kill campaign: processes die under load, and every promise holds afterwards."""

from __future__ import annotations

import argparse
import asyncio

from benchmarks.chaos.campaign import run


def test_promises_hold_while_processes_are_killed() -> None:
    given = argparse.Namespace(requests=600, in_flight=16, every=1.5, seed=7, keep=True)
    promises = asyncio.run(run(given))
    assert [promise for promise in promises if not promise.held] == []
