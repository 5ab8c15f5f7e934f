"""`nexus dead` on a real log, with a real door on the other side."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from processors.dead import bury
from processors.door import Door
from processors.retries import Again, Retries
from projections.log import api
from projections.log.connection import LogConnection
from projections.log.dead import letter
from projections.log.reader import Message
from schemas import subjects
from schemas.codec import decode_segment, open_fact
from schemas.errors import Invalid, Rejected
from schemas.facts.ops import OperatorActed
from schemas.settings import Settings
from schemas.topology import CONSUMERS
from tests.integration.log_fixture import connection, stored, until
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.sample_log import Traffic, message
from tests.integration.test_cli_log import nexus
from tests.integration.working import working

__all__ = ["connection", "nats_server"]

AUDIT = next(consumer for consumer in CONSUMERS if consumer.name == "audit")


@pytest.fixture
def data(nats_server: NatsServer, tmp_path: Path) -> Path:
    (tmp_path / "endpoints.json").write_text(json.dumps({"nats": nats_server.url}))
    return tmp_path


async def told(data: Path, *argv: str) -> tuple[int, Any]:
    code, out, err = await nexus("dead", *argv, "--data", str(data), "--output", "json")
    return code, json.loads(out) if out else err


async def acted(connection: LogConnection) -> list[OperatorActed]:
    facts = [fact for one in await stored(connection, "OPS") for fact in decode_segment(one.payload).facts]
    return [said for fact in facts if isinstance(said := open_fact(fact), OperatorActed)]


class Sink:
    """Refuses what contains `poison` until it is repaired."""

    def __init__(self) -> None:
        self.at = 0
        self.poison = b"bad"
        self.applied: list[bytes] = []
        self.retried: list[Message] = []
        self.away = False

    async def handle(self, messages: list[Message]) -> None:
        if self.poison and any(self.poison in one.payload for one in messages):
            raise Invalid("a bad one")
        self.applied += [one.payload for one in messages]
        self.at = messages[-1].sequence

    async def skip(self, sequence: int) -> None:
        self.at = sequence

    async def again(self, message: Message) -> None:
        if self.away:
            raise Rejected("postgres does not answer")
        if self.poison and self.poison in message.payload:
            raise Invalid("a bad one")
        self.retried.append(message)


@asynccontextmanager
async def worker(
    server: NatsServer, connection: LogConnection, sink: Sink, again: Again | None = None
) -> AsyncIterator[Callable[[], int]]:
    settings = Settings(nats_url=server.url)
    door = Door(settings, connection, AUDIT, sink.handle, lambda: sink.at, skip=sink.skip, again=again)
    async with working(door.run, end_s=20):
        yield lambda: sink.at


async def test_what_was_repaired_is_applied_out_of_its_order_and_leaves(
    data: Path, nats_server: NatsServer, connection: LogConnection
) -> None:
    sink = Sink()
    for body in (b"1", b"bad 2", b"3"):
        await api.publish(connection, subjects.traffic(0), body, {})
    async with worker(nats_server, connection, sink, sink.again) as at:
        await until(lambda: at() == 3, "what is around the bad one")
        code, listed = await told(data, "ls")
        (row,) = listed["items"]
        assert (code, row["dead"], row["consumer"], row["position"]) == (0, "DEAD:1", "audit", "TRAFFIC:2")
        assert (row["bytes"], row["reason"], row["subject"]) == (5, "a bad one", "traffic.0")

        code, kept = await told(data, "retry", "DEAD:1")
        assert (code, kept["items"][0]["result"]) == (1, "kept")
        assert "still cannot be applied" in kept["items"][0]["reason"]
        sink.poison, sink.away = b"", True
        code, kept = await told(data, "retry", "--all")
        assert (code, "does not answer" in kept["items"][0]["reason"]) == (1, True)
        assert await letter(connection, 1) is not None
        assert await acted(connection) == []

        sink.away = False
        code, done = await told(data, "retry", "1")
        assert (code, done["items"][0]["result"]) == (0, "applied")
    (again,) = sink.retried
    assert (again.stream, again.sequence, again.subject, again.payload) == ("TRAFFIC", 2, "traffic.0", b"bad 2")
    assert again.time_us > 0
    assert (sink.applied, sink.at) == ([b"1", b"3"], 3)
    assert await letter(connection, 1) is None
    (said,) = await acted(connection)
    assert said.action == "dead retry"
    assert said.detail.startswith("DEAD:1 of audit from TRAFFIC:2 sha256 ")


async def test_a_worker_that_needs_the_order_says_so(
    data: Path, nats_server: NatsServer, connection: LogConnection
) -> None:
    await api.publish(connection, subjects.traffic(0), b"bad", {})
    sink = Sink()
    async with worker(nats_server, connection, sink) as at:
        await until(lambda: at() == 1, "the burial")
        code, kept = await told(data, "retry", "1")
    assert (code, "only in the order of the log" in kept["items"][0]["reason"]) == (1, True)
    assert await letter(connection, 1) is not None


async def test_without_its_worker_nothing_is_retried(data: Path, connection: LogConnection) -> None:
    await bury(connection, "audit", message(7, Traffic().request()), "why")
    code, kept = await told(data, "retry", "1")
    assert (code, "is it running" in kept["items"][0]["reason"]) == (1, True)
    assert await letter(connection, 1) is not None


async def test_dropping_deletes_and_is_recorded(data: Path, connection: LogConnection) -> None:
    for number, consumer in ((7, "audit"), (8, "analytics"), (9, "audit")):
        await bury(connection, consumer, message(number, Traffic().request()), "why")
    assert (await told(data, "drop", "--all", "1"))[0] == 2
    assert (await told(data, "drop"))[0] == 2
    code, done = await told(data, "drop", "--all", "--consumer", "audit", "--reason", "a test")
    assert (code, [row["dead"] for row in done["items"]]) == (0, ["DEAD:1", "DEAD:3"])
    assert [row["dead"] for row in (await told(data, "ls"))[1]["items"]] == ["DEAD:2"]
    first, second = await acted(connection)
    assert (first.action, second.action) == ("dead drop", "dead drop")
    assert (first.detail.split()[4], second.detail.split()[4]) == ("TRAFFIC:7", "TRAFFIC:9")
    assert first.detail.endswith("because a test")
    code, why = await told(data, "drop", "DEAD:1")
    assert (code, "does not exist" in why) == (5, True)
    code, why = await told(data, "show", "9" * 26)
    assert (code, "does not exist" in why) == (5, True)


async def test_show_tells_facts_where_there_are_some_and_bytes_where_not(data: Path, connection: LogConnection) -> None:
    good = message(7, Traffic().request(tenant="acme"))
    await bury(connection, "audit", good, "no room")
    await bury(connection, "siem", Message("TRAFFIC", 8, "traffic.0", b"\xff" * 300, 1, ""), "not a segment")
    code, shown = await told(data, "show", "DEAD:1", "--bytes", str(data / "one"))
    assert (code, shown["segment"], shown["reason"]) == (0, "gateway/b1/7", "no room")
    assert shown["facts"][0]["type"] == "request.accepted.v1"
    assert (data / "one").read_bytes() == bytes.fromhex(shown["payload"]) == good.payload
    code, out, _ = await nexus("dead", "show", "1", "--data", str(data))
    assert (code, "request.completed.v1" in out, "acme" in out) == (0, True, True)
    code, out, _ = await nexus("dead", "show", "2", "--data", str(data))
    assert (code, "ff ff ff" in out, "44 bytes more" in out) == (0, True, True)
    assert (await told(data, "show", "3"))[0] == 5
    assert (await told(data, "show", "three"))[0] == 2
    assert (await told(data, "show", "1", "--bytes", str(data / "one")))[0] == 1


async def test_the_siem_worker_says_how_its_targets_get_it(data: Path, connection: LogConnection) -> None:
    await bury(connection, "siem", message(7, Traffic().request()), "why")
    retries = Retries(connection, "siem", None, instead="send it by name")
    await retries.open()
    code, kept = await told(data, "retry", "1")
    await retries.close()
    assert (code, kept["items"][0]["reason"].endswith("; send it by name")) == (1, True)
