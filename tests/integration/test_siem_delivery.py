"""SIEM targets that fail, hang and refuse, and a worker that is killed: nothing is lost, nobody held up."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec
import pytest

from processors.siem import http
from processors.siem.file import FileSink
from processors.siem.lines import Line
from processors.siem.positions import Positions, key_of
from projections.log import api
from projections.log.connection import LogConnection
from schemas.settings import environment_of
from tests.integration.log_fixture import connection, forgotten, shorten_memory, until
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.siem_rig import Receiver, Rig, Taken
from tests.unit.processors.siem.events import lines

__all__ = ["connection", "nats_server"]

FILE = {"kind": "file", "file": "a.ndjson"}
TOKEN = "canary-7f3a-bearer-token"


@pytest.fixture
async def rig(connection: LogConnection, nats_server: NatsServer, tmp_path: Path) -> Rig:
    return await Rig.open(connection, nats_server.url, tmp_path / "data")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "FIRST_RETRY_S", 0.01)
    monkeypatch.setattr(http, "LAST_RETRY_S", 0.05)
    monkeypatch.setattr(http, "REFUSED_RETRY_S", 0.02)


async def test_batches_are_bounded_keyed_and_signed(rig: Rig) -> None:
    async with Receiver() as receiver:
        token = rig.vault.seal_secret("siem-target", "a", "web", TOKEN)
        await rig.target("web", kind="http", url=receiver.url, token=token)
        await rig.traffic("ab" + "a" * 298, times=5)
        expected = await rig.places("a")
        async with rig.worker():
            await until(lambda: len(receiver.places) >= len(expected), "all events")
        assert receiver.places == expected
        assert {len(taken.places) for taken in receiver.requests[:-1]} == {http.HttpSink.most_lines}
        for taken in receiver.requests:
            first, last = taken.places[0], taken.places[-1]
            assert first is not None
            assert last is not None
            assert taken.key == f"a/web/{first[0]}.{first[1]}-{last[0]}.{last[1]}"
            assert (taken.authorization, taken.content_type) == (f"Bearer {TOKEN}", "application/x-ndjson")
            assert taken.tenants == {"a"}


@pytest.mark.parametrize("status", [408, 429, 500, 503, 302, 400, 401, 413])
async def test_a_batch_is_offered_until_it_is_taken(rig: Rig, quick: None, status: int) -> None:
    async with Receiver() as receiver:
        receiver.answer = lambda _: status if len(receiver.requests) < 4 else 204
        await rig.target("web", kind="http", url=receiver.url)
        await rig.traffic("a", times=3)
        async with rig.worker():
            await until(lambda: len(receiver.places) >= 3, "the events")
        assert receiver.places == await rig.places("a")
        assert len({taken.key for taken in receiver.requests}) == 1
        assert len(receiver.requests) == 4


async def test_a_receiver_that_is_not_there_is_waited_for(rig: Rig, quick: None) -> None:
    async with Receiver() as gone:
        url = gone.url
    await rig.target("web", kind="http", url=url)
    await rig.traffic("a", times=2)
    async with rig.worker(), Receiver() as receiver:
        await rig.target("web", kind="http", url=receiver.url)
        await until(lambda: len(receiver.places) >= 2, "the events")
        assert receiver.places == await rig.places("a")


async def test_a_refusal_is_said_without_the_token(rig: Rig, quick: None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with Receiver() as receiver:
        receiver.answer = lambda _: 403
        token = rig.vault.seal_secret("siem-target", "a", "web", TOKEN)
        await rig.target("web", kind="http", url=receiver.url + "?key=" + TOKEN, token=token)
        await rig.traffic("a")
        async with rig.worker():
            await until(lambda: "siem_target_refuses" in caplog.text, "the complaint")
    assert TOKEN not in caplog.text
    assert any(record.levelno == logging.ERROR for record in caplog.records)


async def test_a_token_that_cannot_be_opened_parks_the_target_alone(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    token = rig.vault.seal_secret("siem-target", "b", "web", TOKEN)
    await rig.target("web", kind="http", url="http://127.0.0.1:1/", token=token)
    await rig.target("own", **FILE)
    await rig.traffic("a")
    async with rig.worker():
        await rig.until_in_file("a.ndjson", await rig.places("a"))
        await until(lambda: "siem_target_parked target=a/web" in caplog.text, "the complaint")


async def test_a_batch_whose_answer_got_lost_comes_again_as_it_was(rig: Rig) -> None:
    async with Receiver() as receiver:
        receiver.answer = lambda _: 0
        await rig.target("web", kind="http", url=receiver.url)
        await rig.traffic("a", times=3)
        async with rig.worker():
            await until(lambda: len(receiver.requests) == 1, "the first attempt")
        await rig.traffic("a", times=4)
        receiver.answer = lambda _: 200
        async with rig.worker():
            await until(lambda: len(receiver.places) >= 7, "the events")
        first, again, rest = receiver.requests
        assert first == again
        assert again.places + rest.places == await rig.places("a")


async def test_a_hung_target_slows_nobody(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, reached = threading.Event(), threading.Event()
    append = FileSink._append

    def hang(self: FileSink, lines: Sequence[Line]) -> None:
        if self._path.name == "stuck.ndjson":
            reached.set()
            gate.wait()
        append(self, lines)

    monkeypatch.setattr(FileSink, "_append", hang)
    async with Receiver() as receiver:
        receiver.answer = lambda _: 0
        await rig.target("hung", kind="http", url=receiver.url)
        await rig.target("stuck", kind="file", file="stuck.ndjson")
        await rig.target("own", **FILE)
        await rig.target("log", kind="stream")
        async with rig.worker():
            await rig.traffic("a")
            await until(lambda: len(receiver.requests) == 1 and reached.is_set(), "the attempts that hang")
            await rig.traffic("a", times=20)
            expected = await rig.places("a")
            await rig.until_in_file("a.ndjson", expected)
            await rig.until_exported("a", expected)
        # and the worker ends, although nobody can end the call that hangs
        assert rig.in_file("stuck.ndjson") == []
    gate.set()
    await until(lambda: rig.in_file("stuck.ndjson") == [(1, 1)], "the call that was made all the same")


async def test_what_of_a_batch_got_into_export_is_not_put_there_again(rig: Rig) -> None:
    await rig.target("log", kind="stream")
    async with rig.worker():
        await rig.traffic("a")
        await rig.until_exported("a", [(1, 1)])
    positions, key = Positions(rig.connection), key_of("a", "log")
    before = await positions.load(key)
    assert before is not None
    await rig.traffic("aaa")
    # a worker that dies now has sent the middle one of three, and nobody wrote that down
    (_, middle, _) = [msgspec.structs.replace(line, place=(2, line.place[1] + 1)) for line in lines(2, 3)]
    told = json.loads(middle.data)
    told["unmapped"]["log_index"] = middle.place[1]
    headers = {"Nats-Msg-Id": f"a/log/{middle.uid}"}
    await api.publish(rig.connection, "export.a", msgspec.json.encode(told), headers)
    await shorten_memory(rig.connection, "EXPORT")
    await forgotten(rig.connection, "export.probe")
    async with rig.worker():
        await rig.traffic("a")
        await rig.until_exported("a", [(1, 1), (2, 2), (2, 1), (2, 3), (3, 1)])
    assert await positions.load(key) != before


async def test_two_export_targets_of_a_tenant_get_each_event(rig: Rig) -> None:
    await rig.target("one", kind="stream")
    await rig.target("two", kind="stream")
    await rig.target("all", tenant="system", kind="stream", all_tenants=True)
    async with rig.worker():
        await rig.traffic("ab")
        await rig.until_exported("a", [(1, 1), (1, 1)])
        await rig.until_exported("system", [(1, 1), (1, 2)])


async def test_a_killed_worker_leaves_every_event_once(rig: Rig) -> None:
    """The worker as its own process, killed with -9 again and again while traffic goes on."""
    await rig.target("own", **FILE)
    async with Receiver() as receiver:
        await rig.target("web", kind="http", url=receiver.url)
        for _ in range(5):
            process = await _worker(rig)
            goal = (len(rig.in_file("a.ndjson")), len(receiver.places))
            await rig.traffic("ab" * 40, times=25)
            await until(partial(_beyond, rig, receiver, goal), "some events")
            process.send_signal(signal.SIGKILL)
            await process.wait()
            await rig.traffic("ab", times=3)
        process = await _worker(rig)
        expected = await rig.places("a")
        await rig.until_in_file("a.ndjson", expected)
        await until(lambda: receiver.places[-1:] == expected[-1:], "the last event")
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        by_key: dict[str, Taken] = {}
        for taken in receiver.accepted:
            assert by_key.setdefault(taken.key, taken) == taken
        assert [place for taken in by_key.values() for place in taken.places] == expected


def _beyond(rig: Rig, receiver: Receiver, goal: tuple[int, int]) -> bool:
    return len(rig.in_file("a.ndjson")) > goal[0] and len(receiver.places) > goal[1]


async def _worker(rig: Rig) -> asyncio.subprocess.Process:
    environment = os.environ | environment_of(rig.settings)
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "processors", "siem", env=environment)
