"""Placement `stream` over a real server: the gateway asks, a worker answers; nobody waits for one that is not there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ingress.gateway.screening import Screening
from projections.log.connection import LogConnection
from projections.screening import Screener, compile_rules, load_builtin_rules
from projections.screening.aside import AT_ONCE
from schemas import subjects
from schemas.errors import Unavailable
from schemas.screening.model import ScreeningPolicy
from tests.integration.compliance_rig import CARD, MAIL, Rig
from tests.integration.log_fixture import connection
from tests.integration.nats_fixture import NatsServer, nats_server

__all__ = ["connection", "nats_server"]

SCREENER = Screener(compile_rules(load_builtin_rules()))
POLICY = ScreeningPolicy()


@pytest.fixture
async def rig(connection: LogConnection, nats_server: NatsServer, tmp_path: Path) -> Rig:
    return await Rig.open(connection, nats_server.url, tmp_path / "data")


async def asked(screening: Screening, *texts: str) -> object:
    """The verdict of a worker, once one is there."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await screening.verdict("stream", "a.b", "r", "request", texts, POLICY)
            except Unavailable:
                await asyncio.sleep(0.01)


async def test_a_worker_s_verdict_is_the_gateway_s_own(rig: Rig) -> None:
    screening = Screening(SCREENER, rig.connection)
    async with rig.worker():
        for texts in ((CARD,), (MAIL, CARD), (), ("x" * AT_ONCE, CARD)):
            own = await screening.verdict("inline", "a.b", "r", "request", texts, POLICY)
            assert await asked(screening, *texts) == own


async def test_many_at_once_over_two_workers(rig: Rig) -> None:
    screening = Screening(SCREENER, rig.connection)
    async with rig.worker(), rig.worker():
        await asked(screening, CARD)
        texts = [f"{MAIL} number {number} " + "x" * (number % 7) * 20_000 for number in range(200)]
        verdicts = await asyncio.gather(*(asked(screening, text) for text in texts))
        own = [await screening.verdict("inline", "a.b", "r", "request", [text], POLICY) for text in texts]
        assert verdicts == own


async def test_without_a_worker_the_caller_hears_so_at_once(rig: Rig) -> None:
    with pytest.raises(Unavailable) as raised:
        await Screening(SCREENER, rig.connection).verdict("stream", "a", "r", "request", [CARD], POLICY)
    assert raised.value.error_code == "screening_unavailable"


async def test_nonsense_is_answered(rig: Rig) -> None:
    async with rig.worker():
        await asked(Screening(SCREENER, rig.connection), CARD)
        reply = await rig.connection.nc.request(subjects.screening_work("a"), b"\xc1", timeout=10)
    assert reply.data == b""
