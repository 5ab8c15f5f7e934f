"""A worker that can read nothing at all stops, keeps its place, and goes on where it was once it can."""

from __future__ import annotations

import asyncio

from processors.dead import IN_A_ROW
from processors.door import Door
from projections.log.api import publish
from projections.log.connection import LogConnection
from projections.log.dead import letters
from projections.log.reader import Message
from schemas.errors import Invalid
from schemas.settings import Settings
from schemas.topology import CONSUMERS
from tests.integration.log_fixture import connection
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.waiting import until

__all__ = ["connection", "nats_server"]


class Reader:
    """A sink of a version that does not know what it is given, until it is told."""

    def __init__(self) -> None:
        self.knows = False
        self.refused = 0
        self.applied: list[int] = []
        self.sequence = 0

    def position(self) -> int:
        return self.sequence

    async def handle(self, messages: list[Message]) -> None:
        if not self.knows:
            self.refused += 1
            raise Invalid("of a newer version")
        self.applied += [message.sequence for message in messages]
        self.sequence = messages[-1].sequence


async def test_when_everything_fails_the_sink_stops_where_it_is(
    connection: LogConnection, nats_server: NatsServer
) -> None:
    count = 5 * IN_A_ROW
    for number in range(count):
        await publish(connection, "traffic.0", b"%d" % number, {})
    sink, stop = Reader(), asyncio.Event()
    audit = next(consumer for consumer in CONSUMERS if consumer.name == "audit")
    door = Door(Settings(nats_url=nats_server.url), connection, audit, sink.handle, sink.position)
    work = asyncio.create_task(door.run(stop))

    async def dead() -> int:
        return len([letter async for letter in letters(connection)])

    while await dead() < IN_A_ROW:
        assert not work.done()
        await asyncio.sleep(0)
    refused = sink.refused
    await until(lambda: sink.refused > refused + 3, "it is tried again and again")
    assert await dead() == IN_A_ROW
    sink.knows = True
    await until(lambda: len(sink.applied) == count - IN_A_ROW, "it goes on")
    assert sink.applied == list(range(IN_A_ROW + 1, count + 1))
    assert await dead() == IN_A_ROW
    stop.set()
    await work
