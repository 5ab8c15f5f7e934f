"""How fast a SIEM file catches up with a backlog: `python -m benchmarks.siem_file NATS_URL [EVENTS]`."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from processors.siem.birth import Birth
from processors.siem.file import FileSink
from processors.siem.forward import Forward
from processors.siem.positions import Positions
from projections.log import api, topology
from projections.log.connection import LogConnection
from projections.log.reader import last_sequence
from schemas import codec
from schemas.aggregates.siem_target import SiemTarget
from schemas.facts.traffic import ProviderCalled, RequestAccepted, RequestCompleted, RequestRouted, Usage
from schemas.ids import Ids, SystemClock
from schemas.topology import EMBEDDED

REQUESTS_PER_SEGMENT = 16


async def main(url: str, events: int) -> None:
    connection = await LogConnection.open(url, "benchmark")
    await topology.apply(connection, EMBEDDED, replicas=1, partitions=1)
    birth = Birth("life", SystemClock().now_us())
    await _fill(connection, events)
    with tempfile.TemporaryDirectory() as name:
        sink = FileSink(Path(name), "events.ndjson", birth.life)
        target = SiemTarget(id="benchmark", tenant="demo", file="events.ndjson")
        forward = Forward(connection, Positions(connection), target, birth, sink)
        began, used = time.perf_counter(), time.process_time()
        work = asyncio.create_task(forward.run())
        while forward.sent < events and not work.done():
            await asyncio.wait({work}, timeout=0.01)
        took, used = time.perf_counter() - began, time.process_time() - used
        size = (Path(name) / "events.ndjson").stat().st_size
        waits = []
        for number in range(30):
            began = time.perf_counter()
            await _fill(connection, 1)
            while forward.sent == events + number:
                await asyncio.wait({work}, timeout=0.001)
            waits.append(time.perf_counter() - began)
        work.cancel()
        await asyncio.wait({work})
        await sink.close()
    print(
        f"{events / took:,.0f} events/s  {used / events * 1e6:.1f} µs CPU an event  {size / events:.0f} bytes an event"
    )
    print(f"alone in its segment: median {sorted(waits)[15] * 1e3:.1f} ms, worst {max(waits) * 1e3:.1f} ms to the file")
    await connection.close()


async def _fill(connection: LogConnection, events: int) -> None:
    ids = Ids(SystemClock())
    previous = await last_sequence(connection, "TRAFFIC")
    for number in range(0, events, REQUESTS_PER_SEGMENT):
        facts = []
        for _ in range(min(REQUESTS_PER_SEGMENT, events - number)):
            request = ids.new()
            for data in (
                RequestAccepted("key-1", "nvk_1", "sub_1", "chat.completions", "gpt-4o", False, 400, "overlapped", 9),
                RequestRouted("default", "single", ("mock/gpt-4o",), (), 900, ("monthly",)),
                ProviderCalled(1, "mock", "gpt-4o", "ok", 200, 9_000, 12_000),
                RequestCompleted(
                    key_id="key-1", key_prefix="nvk_1", subject="sub_1", operation="chat.completions",
                    model_requested="gpt-4o", account="mock", model="gpt-4o", route="default", status=200,
                    action="approve", attempts=1, usage=Usage(120, 80), cost_micros=1_100, reserved_micros=900,
                    budgets=("monthly",), started_us=1_790_000_000_000_000, latency_us=12_345, first_byte_us=9_000,
                    request_bytes=400, response_bytes=600, finish_reason="stop", writer="gateway-1", boot="b",
                ),
            ):  # fmt: skip
                fact = codec.fact(
                    data,
                    id=ids.new(),
                    time=1_790_000_000_000_000,
                    tenant="demo",
                    actor="key:key-1",
                    correlation=request,
                )
                facts.append(codec.encode_fact(fact))
        payload = codec.encode_segment("traffic.0", "gateway-1", "b", previous + number + 1, bytes(32), facts)
        await api.publish(connection, "traffic.0", payload, {})


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 50_000))
