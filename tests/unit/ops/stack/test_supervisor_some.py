"""Ending some of the processes, ending at once, and what a second supervisor must not touch."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from ops.stack import procfs
from ops.stack.process import State
from ops.stack.supervisor import AlreadyRunning, Supervisor, published_status
from tests.unit.ops.stack.children import child, lines
from tests.unit.ops.stack.test_supervisor import QUICK, supervisor
from tests.waiting import until

__all__ = ["supervisor"]


async def test_some_are_stopped_and_the_others_go_on(supervisor: Supervisor, tmp_path: Path) -> None:
    specs = [child(tmp_path / name, name=name) for name in ("one", "two", "three")]
    await supervisor.start(specs[:2])
    await supervisor.start(specs[2:])
    await supervisor.stop_some({"one", "three", "nobody"})
    assert [(status.name, status.state) for status in supervisor.status()] == [("two", State.READY)]
    assert [status.name for status in published_status(supervisor.directory)] == ["two"]
    assert len(lines(tmp_path / "one", "stop")) == len(lines(tmp_path / "three", "stop")) == 1
    assert not lines(tmp_path / "two", "stop")
    await supervisor.start([child(tmp_path / "again", name="one")])
    assert {status.name for status in supervisor.status()} == {"one", "two"}
    await supervisor.stop()
    assert supervisor.status() == []


async def test_abandoned_processes_end_at_once_and_are_not_restarted(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.start([child(tmp_path / "journal", "stubborn")])
    pid = supervisor.status()[0].pid
    assert pid is not None
    supervisor.abandon()
    await until(lambda: not procfs.is_alive(pid), "it ends although it ignores being asked")
    await asyncio.wait_for(supervisor.stop(), 30)
    assert len(lines(tmp_path / "journal", "start")) == 1


async def test_who_comes_second_does_not_touch_what_the_first_one_published(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    await supervisor.start([child(tmp_path / "journal")])
    second = Supervisor(supervisor.directory, QUICK)
    with pytest.raises(AlreadyRunning) as refusal:
        await second.acquire()
    assert refusal.value.pid == os.getpid()
    await second.stop_some({"child"})
    await second.stop()
    assert [status.name for status in published_status(supervisor.directory)] == ["child"]


def test_how_long_a_process_has_been_there() -> None:
    own = procfs.seconds_alive(os.getpid())
    assert own is not None and 0 <= own < float(Path("/proc/uptime").read_text().split()[0])
    assert procfs.seconds_alive(2**22 + 1) is None
