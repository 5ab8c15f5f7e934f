"""Leases are renewed for as long as the process lives, whatever one renewal meets."""

from __future__ import annotations

import asyncio

import pytest

from projections.valkey.leases import Leases
from schemas.errors import Unavailable
from schemas.ids import SystemClock


@pytest.mark.parametrize("trouble", [Unavailable("away"), AttributeError("an answer of another shape"), KeyError("x")])
async def test_a_renewal_that_fails_is_not_the_last(trouble: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    leases = Leases("", SystemClock(), "w/b", tick_s=0.0)
    ticks = 0
    again = asyncio.Event()

    async def tick() -> None:
        nonlocal ticks
        ticks += 1
        if ticks == 1:
            raise trouble
        again.set()

    monkeypatch.setattr(leases, "tick", tick)
    await leases.start()
    async with asyncio.timeout(5):
        await again.wait()
    assert leases.standing.down
    await leases.close()
