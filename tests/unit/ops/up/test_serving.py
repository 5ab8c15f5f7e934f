"""The health checks of Nexus's processes: what counts as serving, and what does not yet."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ops.up import processes, serving
from ops.up.options import DEFAULT, MOCK, PROCESSORS
from schemas.settings import Settings, read_settings
from schemas.topology import CONSUMERS


class Server:
    """Answers every request with the same bytes and closes."""

    def __init__(self) -> None:
        self.answer = b""
        self.asked = b""
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked = await reader.readuntil(b"\r\n\r\n")
        writer.write(self.answer)
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    one = Server()
    listening = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield one


async def test_200_serves(server: Server) -> None:
    server.answer = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{"status":"ready"}'
    await serving.check_http("127.0.0.1", server.port, "/ready")
    assert server.asked.startswith(b"GET /ready HTTP/1.1\r\nHost: 127.0.0.1:")
    assert await serving.get("127.0.0.1", server.port, "/ready") == (200, {"status": "ready"})


@pytest.mark.parametrize("answer", [b"HTTP/1.1 503 Unavailable\r\n\r\n{}", b"", b"HTTP/1.1"])
async def test_anything_else_does_not_yet(server: Server, answer: bytes) -> None:
    server.answer = answer
    with pytest.raises((serving.NotYet, OSError, asyncio.IncompleteReadError)):
        await serving.check_http("127.0.0.1", server.port, "/ready")


async def test_nobody_there_does_not_yet(server: Server) -> None:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    listening.close()
    await listening.wait_closed()
    with pytest.raises(OSError):
        await serving.check_http("127.0.0.1", port, "/ready")


def test_every_consumer_belongs_to_a_processor() -> None:
    assert {durable for _, durable in serving.consumers_of(PROCESSORS, 1)} == {one.name for one in CONSUMERS}
    assert {durable for _, durable in serving.consumers_of(["audit"], 1)} == {
        one.name for one in CONSUMERS if one.name.startswith("audit")
    }


def test_partitions_of_traffic_have_consumers_of_their_own() -> None:
    assert set(serving.consumers_of(["analytics"], 2)) == {("TRAFFIC", "analytics-0"), ("TRAFFIC", "analytics-1")}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """What the log says of each consumer."""
    told: dict[str, dict[str, Any]] = {}

    async def call(connection: Any, subject: str) -> dict[str, Any]:
        return told[subject.rpartition(".")[2]]

    monkeypatch.setattr(serving, "call", call)
    monkeypatch.setattr(serving, "PAUSE_S", 0)
    return told


def pulled(waiting: int, delivered: int = 7) -> dict[str, Any]:
    return {"num_waiting": waiting, "delivered": {"consumer_seq": delivered}}


async def test_workers_serve_once_they_beat_and_every_consumer_was_seen_with_somebody_pulling(
    tmp_path: Path, answers: dict[str, dict[str, Any]]
) -> None:
    beat = tmp_path / "workers-1.beat"
    working = serving.Working(object(), beat, ["quota", "analytics"], 1)  # type: ignore[arg-type]
    await working.forget()
    answers.update({"quota": pulled(1), "analytics": pulled(1)})
    with pytest.raises(serving.NotYet, match="not begun"):
        await working.check()
    beat.touch()
    answers["analytics"] = pulled(0)
    with pytest.raises(serving.NotYet, match="analytics"):
        await working.check()
    # between two pulls nobody waits
    answers.update({"quota": pulled(0), "analytics": pulled(1)})
    await working.check()
    await working.forget()
    assert not beat.exists()
    beat.touch()
    with pytest.raises(serving.NotYet, match="quota"):
        await working.check()
    # under load nobody waits, but something is delivered
    answers["quota"] = pulled(0, delivered=8)
    await working.check()


def standing(pending: int, unacknowledged: int, floor: int = 0) -> dict[str, Any]:
    return {"num_pending": pending, "num_ack_pending": unacknowledged, "ack_floor": {"stream_seq": floor}}


async def test_drained_means_taken_and_acknowledged(answers: dict[str, dict[str, Any]]) -> None:
    answers["quota"] = standing(1, 0)
    waiting = asyncio.create_task(serving.wait_drained(object(), ["quota"], 1))  # type: ignore[arg-type]

    async def still_waits() -> bool:
        for _ in range(20):
            await asyncio.sleep(0)
        return not waiting.done()

    assert await still_waits()
    answers["quota"] = standing(0, 1)
    assert await still_waits()
    answers["quota"] = standing(0, 0, 1)
    async with asyncio.timeout(10):
        await waiting


async def test_nobody_waits_for_what_a_dead_worker_had_in_its_hands(
    answers: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "STILL_S", 0.01)
    answers["quota"] = standing(0, 1)
    async with asyncio.timeout(10):
        await serving.wait_drained(object(), ["quota"], 1)  # type: ignore[arg-type]


SETTINGS = Settings(
    data_dir="/d",
    nats_url="nats://n:1",
    postgres_url="postgresql://p/x",
    clickhouse_url="http://c:1",
    valkey_url="valkey://v:1",
    gateway_host="0.0.0.0",
    gateway_port=4050,
    admin_port=4001,
)


@pytest.mark.parametrize("name", [name for name in (*DEFAULT, *PROCESSORS) if name != MOCK])
def test_a_process_reads_the_settings_it_is_started_with(name: str) -> None:
    spec = processes.spec(name, SETTINGS, object(), 3062)  # type: ignore[arg-type]
    found = read_settings(spec.env)
    assert found.writer == f"{name}-1"
    assert json.dumps(spec.env).count("nats://n:1") == 1
    assert (found.gateway_port, found.valkey_url, found.data_dir) == (4050, "valkey://v:1", "/d")
    assert not any("nats://" in word for word in spec.argv), "an URL may hold a password, an argument is for all to see"


def test_the_mock_provider_learns_nothing_of_ours() -> None:
    spec = processes.spec(MOCK, SETTINGS, object(), 4062)  # type: ignore[arg-type]
    assert set(spec.env) == {"PYTHONPATH"}
    assert list(spec.argv)[-2:] == ["--port", "4062"]


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("h", "h")],
)
def test_an_url_is_one_that_can_be_connected_to(host: str, address: str) -> None:
    assert processes.url(host, 4050) == f"http://{address}:4050"
