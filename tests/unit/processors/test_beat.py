"""The beat of a worker process: there while it works, gone when it ended in order, no reason to fail."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from processors import beat as module
from processors.beat import beat, beat_file
from schemas.settings import Settings
from tests.waiting import until


def test_each_process_has_a_file_of_its_own() -> None:
    def file(writer: str) -> Path:
        return beat_file(Settings(data_dir="/d", nats_url="nats://x", writer=writer))

    assert file("audit-1") == Path("/d/run/audit-1.beat")
    assert file("") == Path("/d/run/workers.beat")


async def test_it_beats_until_the_process_is_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY_S", 0.01)
    path = tmp_path / "run" / "workers-1.beat"
    stop = asyncio.Event()
    beating = asyncio.create_task(beat(path, stop))
    await until(path.exists, "the first beat")
    assert path.read_text() == f"{os.getpid()}\n"
    first = path.stat().st_ino
    await until(lambda: path.exists() and path.stat().st_ino != first, "another beat")
    stop.set()
    await beating
    assert list(path.parent.iterdir()) == []


async def test_a_directory_that_cannot_be_written_is_survived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "EVERY_S", 0.01)
    (tmp_path / "run").write_text("a file where the directory should be")
    stop = asyncio.Event()
    beating = asyncio.create_task(beat(tmp_path / "run" / "x.beat", stop))
    await until(lambda: len(caplog.records) > 1, "it goes on")
    assert not beating.done()
    stop.set()
    (tmp_path / "run").unlink()
    await beating
