"""The ledger's lines, their order and what happens when they cannot be written."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ops.mock import running_mock
from ops.mock.ledger import Ledger
from tests.unit.ops.mock.raw import ask, chat, connected


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_every_chat_request_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    async with running_mock(ledger=path) as mock:
        await ask(mock.port, chat("gpt-4o", headers={"x-nexus-request-id": "r-1"}))
        await ask(mock.port, chat("error-500", stream=True))
        await ask(mock.port, chat("gpt-4o", headers={"authorization": "Bearer sk-bad", "x-nexus-request-id": "r-3"}))
        await ask(mock.port, chat("disconnect-after-1", stream=True))
        lines = _lines(path)
    assert [line["time_us"] for line in lines] == sorted(line.pop("time_us") for line in lines)
    assert lines == [
        {"id": "r-1", "n": 1, "model": "gpt-4o", "aborted": False},
        {"id": "", "n": 2, "model": "error-500", "aborted": False},
        {"id": "r-3", "n": 3, "model": "", "aborted": False},
        {"id": "", "n": 4, "model": "disconnect-after-1", "aborted": False},
    ]


@pytest.mark.parametrize(("model", "sent"), [("hang", 0), ("delay-600s", 0), ("token-600s", 1)])
async def test_a_client_that_leaves_is_recorded(tmp_path: Path, model: str, sent: int) -> None:
    path = tmp_path / "ledger"
    async with running_mock(ledger=path) as mock:
        async with connected(mock.port) as raw:
            raw.send(chat(model, stream=True, headers={"x-nexus-request-id": "gone"}))
            await mock.until(lambda mock: mock.stats.chat == 1)
            if sent:
                await asyncio.wait_for(raw.reader.readuntil(b"\n\n"), 5)
        await mock.until(lambda mock: mock.stats.aborted == 1)
    first, second = _lines(path)
    assert (first["id"], first["aborted"], first["n"]) == ("gone", False, 1)
    assert (second["id"], second["aborted"], second["n"], second["chunks_sent"]) == ("gone", True, 1, sent)


async def test_a_stopping_mock_blames_no_client(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    async with running_mock(ledger=path) as mock, connected(mock.port) as raw:
        raw.send(chat("hang"))
        await mock.until(lambda mock: mock.stats.hung == 1)
        await mock.stop()
        assert await raw.ended() == b""
    assert [line["aborted"] for line in _lines(path)] == [False]


async def test_lines_of_one_tick_leave_in_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[bytes] = []
    syncs: list[int] = []

    def write(_: int, data: memoryview) -> int:
        writes.append(bytes(data))
        return len(data)

    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(os, "fsync", syncs.append)
    ledger = Ledger(tmp_path / "ledger", fsync=True, loop=asyncio.get_running_loop())
    told: list[bool] = []
    for n in range(3):
        ledger.received("", n, "m", told.append)
    assert (writes, told) == ([], [])
    await asyncio.sleep(0)
    assert (len(writes), writes[0].count(b"\n"), len(syncs), told) == (1, 3, 1, [True] * 3)
    monkeypatch.undo()
    ledger.close()


async def test_a_short_write_is_continued_and_a_torn_line_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger"
    ledger = Ledger(path, fsync=False, loop=asyncio.get_running_loop())
    write = os.write
    told: list[bool] = []
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:7]))
    ledger.received("whole", 1, "m", told.append)
    ledger.flush()
    monkeypatch.setattr(os, "write", _after(write, 7))
    ledger.received("torn", 2, "m", told.append)
    ledger.flush()
    monkeypatch.setattr(os, "write", write)
    ledger.received("next", 3, "m", told.append)
    ledger.close()
    assert told == [True, False, True]
    first, torn, last = path.read_text().splitlines()
    assert (json.loads(first)["id"], torn, json.loads(last)["id"]) == ("whole", '{"id":"', "next")


def _after(write: Any, size: int) -> Any:
    """A write that takes ``size`` bytes once, then finds the disk full."""
    calls = iter([size])

    def full(file: int, data: memoryview) -> int:
        for most in calls:
            return int(write(file, data[:most]))
        raise OSError(28, "No space left on device")

    return full


async def test_nobody_is_served_off_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_mock(ledger=tmp_path / "ledger") as mock, connected(mock.port) as raw:
        monkeypatch.setattr(os, "write", _after(os.write, 0))
        raw.send(chat())
        assert await raw.ended() == b""
        monkeypatch.undo()
        assert (mock.stats.completed, mock.stats.disconnected) == (0, 1)
