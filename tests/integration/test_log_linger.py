"""Facts that nobody waits for leave with others in one segment, and alone when no others come."""

from __future__ import annotations

import asyncio

from projections.log.connection import LogConnection
from projections.log.verify import verify_chains
from tests.integration.log_fixture import connection, fact, marks, stored, writer_on
from tests.integration.nats_fixture import nats_server

__all__ = ["connection", "nats_server"]


async def test_lingering_facts_share_the_segment_of_the_next_urgent_one(connection: LogConnection) -> None:
    writer = writer_on(connection)
    await writer.start()
    await writer.append("traffic.0", [fact("first")])
    ends = [writer.append("traffic.0", [fact(f"end {n}")], linger=True) for n in range(3)]
    urgent = writer.append("traffic.0", [fact("next")])
    assert await asyncio.gather(*ends, urgent) == [2, 2, 2, 2]
    assert writer.segments == 2
    assert marks(await stored(connection)) == ["first", "end 0", "end 1", "end 2", "next"]
    await writer.close()
    assert (await verify_chains(connection)).ok


async def test_alone_they_leave_by_themselves(connection: LogConnection) -> None:
    writer = writer_on(connection)
    await writer.start()
    async with asyncio.timeout(10):
        assert await writer.append("traffic.0", [fact("0")], linger=True) == 1
        # what gathers while a segment is under way, and nobody waits for, leaves too
        under_way = writer.append("traffic.0", [fact("1")])
        await asyncio.sleep(0)
        lingering = writer.append("traffic.0", [fact("2")], linger=True)
        assert [await under_way, await lingering] in ([2, 2], [2, 3])
    await writer.close()


async def test_closing_waits_for_nothing_that_lingers(connection: LogConnection) -> None:
    writer = writer_on(connection)
    await writer.start()
    lingering = writer.append("traffic.0", [fact("0")], linger=True)
    await writer.close()
    assert lingering.done() and lingering.result() == 1
