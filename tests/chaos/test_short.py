"""Short forms of the campaign: each kind of fault once, on one Nexus under load, and every promise holds afterwards."""

from __future__ import annotations

import asyncio

from benchmarks.chaos.campaign import options, run
from benchmarks.chaos.schedule import KINDS


def test_promises_hold_through_every_kind_of_fault() -> None:
    given = options(["--minutes", "0", "--rate", "40", "--seed", "7", "--together", "--keep"])
    # a gateway is frozen for longer than this may take; what that proves has a test of its own beside the writer's
    given.kinds = tuple(kind for kind in KINDS if kind != "freeze")
    given.brief = True
    promises = asyncio.run(run(given))
    assert [promise for promise in promises if not promise.held] == []
