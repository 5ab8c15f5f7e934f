"""CPU time of the segment writer and the reader against a real nats-server that syncs every write.

Figures of 2 cores that other loads shared (Python 3.11, uvloop, facts of 250 bytes):

    append 1.9 us, of it all that a caller pays; reading 11 us a message
    a segment 125 us plus 2.1 us a fact: 10 us a fact at 16 in a segment, 6.3 at 32, 4.1 at 64, 3.0 at 128

A bare protocol that publishes 5.6 KB and awaits the acknowledgement cost 50 to 60 us there, nearly all of it system
calls, the client's publish with an inbox 75 to 95 us. Under load the segments grow by themselves: 64 callers in a
closed loop of 3 facts each made 190 facts a segment, 14 us a request with the callers' own turns of the loop.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from projections.log import topology
from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from projections.log.writer import SegmentWriter
from schemas.facts.traffic import RequestCompleted, Usage
from schemas.ids import Ids, SystemClock
from schemas.topology import EMBEDDED
from tests.integration.nats_fixture import NatsServer

SIZES = (1, 2, 8, 16, 32, 64, 128)
ROUNDS = 5


async def measure(url: str) -> None:
    clock = SystemClock()
    ids = Ids(clock)
    connection = await LogConnection.open(url, "benchmark")
    await topology.apply(connection, EMBEDDED, replicas=1, partitions=1)
    writer = SegmentWriter(
        connection,
        clock,
        ids,
        stream="TRAFFIC",
        writer="benchmark",
        boot=ids.new(),
        queue_bytes=1 << 26,
        segment_bytes=1 << 22,
    )
    await writer.start()
    data = RequestCompleted(
        "key-1",
        "nvk_12345678",
        "user-1",
        "chat",
        "mock/gpt-4o",
        "mock",
        "gpt-4o",
        "default",
        status=200,
        usage=Usage(100, 50),
        writer="benchmark",
        boot="b",
    )
    start = time.process_time()
    for _ in range(20_000):
        fact = writer.new_fact(data, tenant="demo", actor="key:key-1", correlation=ids.new())
    print(f"new_fact (with an id besides its own): {(time.process_time() - start) / 20_000 * 1e6:.1f} us")
    for size in SIZES:
        best = float("inf")
        for _ in range(ROUNDS):
            segments, start = writer.segments, time.process_time()
            for _ in range(max(50, 1600 // size)):
                for _ in range(size - 1):
                    writer.append("traffic.0", (fact,))
                await writer.append("traffic.0", (fact,))
            best = min(best, (time.process_time() - start) / (writer.segments - segments) * 1e6)
        print(f"{size:4} facts a segment: {best:6.1f} us a segment, {best / size:6.2f} us a fact")
    start = time.process_time()
    futures = [writer.append("traffic.0", (fact,)) for _ in range(20_000)]
    print(f"append alone: {(time.process_time() - start) / 20_000 * 1e6:.2f} us")
    await asyncio.gather(*futures)
    start, count = time.process_time(), 0
    async for batch in StreamReader(connection, "TRAFFIC").batches(follow=False):
        count += len(batch)
    print(f"reading: {(time.process_time() - start) / count * 1e6:.1f} us a message, {count} messages")
    await writer.close()
    await connection.close()


def main(arguments: list[str]) -> int:
    if arguments:
        print("usage: python -m benchmarks.log_writer", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as directory:
        server = NatsServer(Path(directory))
        server.start()
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(measure(server.url))
        finally:
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
