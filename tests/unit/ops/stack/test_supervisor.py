"""The supervisor with real, tiny processes: restarts, order, bounds, and nobody left behind."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ops.stack import procfs, supervised
from ops.stack.process import Backoff, ProcessStatus, StartFailed, State
from ops.stack.supervisor import AlreadyRunning, Supervisor, holder, published_status
from tests.unit.ops.stack.children import NotYet, child, lines
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[4]
QUICK = Backoff(first=0.01, longest=0.02, healthy=30.0)


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    made = Supervisor(tmp_path / "data", QUICK)
    yield made
    await made.stop()


def only(supervisor: Supervisor) -> ProcessStatus:
    (status,) = supervisor.status()
    return status


async def test_a_started_process_serves_and_shows(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.start([child(tmp_path / "journal")])
    status = only(supervisor)
    assert (status.name, status.state, status.restarts) == ("child", State.READY, 0)
    assert status.pid == int(lines(tmp_path / "journal", "start")[0][0])
    assert status.resident is not None and status.resident > 1_000_000
    assert f"hello from {status.pid}" in (supervisor.directory / "logs" / "child.log").read_text()


async def test_a_crashed_process_is_restarted(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.start([child(tmp_path / "journal")])
    for restarts in (1, 2):
        before = only(supervisor).pid
        assert before is not None
        os.kill(before, signal.SIGKILL)

        def back(before: int = before, restarts: int = restarts) -> bool:
            now = only(supervisor)
            return now.state is State.READY and now.pid != before and now.restarts == restarts

        await until(back, "a new process serves")
        assert only(supervisor).last_exit == "ended with SIGKILL"
    assert len(lines(tmp_path / "journal", "start")) == 3


async def test_a_process_that_is_sick_is_started_again_and_one_that_cannot_be_asked_is_left_alone(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised, "SICK_POLL", 0.01)
    told = ["", "", "it writes no more"]
    asked = 0

    async def sick() -> str:
        nonlocal asked
        asked += 1
        if not told:
            raise ConnectionRefusedError
        return told.pop(0)

    await supervisor.start([dataclasses.replace(child(tmp_path / "journal"), sick=sick)])
    await until(lambda: only(supervisor).restarts == 1 and only(supervisor).state is State.READY, "it is back")
    assert only(supervisor).last_exit == "it writes no more"
    assert len(lines(tmp_path / "journal", "stop")) == 1, "it was told to stop in order"
    before = asked
    await until(lambda: asked > before + 3, "it is asked in vain")
    assert (only(supervisor).restarts, only(supervisor).state) == (1, State.READY)


async def test_what_a_crashed_process_leaves_behind_is_ended(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.start([child(tmp_path / "journal", "grandchild")])
    first = int(lines(tmp_path / "journal", "grandchild")[0][0])
    pid = only(supervisor).pid
    assert pid is not None and procfs.is_alive(first)
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not procfs.is_alive(first), "the grandchild ends")


async def test_memory_counts_the_descendants(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.start([child(tmp_path / "journal", "grandchild")])
    pid, grandchild = only(supervisor).pid, int(lines(tmp_path / "journal", "grandchild")[0][0])
    assert pid is not None
    sizes = procfs.resident_bytes([pid])
    assert sizes[pid] > procfs.resident_bytes([grandchild])[grandchild] > 0


async def test_groups_stop_in_reverse_order(supervisor: Supervisor, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    for name in ("first", "second", "third"):
        await supervisor.start([child(journal, name=name)])
    pids = [str(status.pid) for status in supervisor.status()]
    await supervisor.stop()
    assert [pid for pid, _ in lines(journal, "stop")] == pids[::-1]
    assert supervisor.status() == []
    assert list((supervisor.directory / "run").glob("*.pid")) == []


async def test_the_stop_signal_is_the_one_asked_for(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.start([child(tmp_path / "journal", stop_signal=signal.SIGINT)])
    await supervisor.stop()
    assert [name for _, name in lines(tmp_path / "journal", "stop")] == ["SIGINT"]


async def test_a_stubborn_process_is_killed(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.start([child(tmp_path / "journal", "stubborn", stop_timeout=0.1)])
    pid = only(supervisor).pid
    assert pid is not None
    await supervisor.stop()
    assert not procfs.is_alive(pid)


async def test_a_start_that_fails_tells_how_and_stops_its_group(supervisor: Supervisor, tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    with pytest.raises(StartFailed) as failure:
        await supervisor.start([child(good, name="good"), child(bad, "fail", name="bad")])
    assert "bad ended with status 3 before it was ready" in str(failure.value)
    assert "bad.log" in str(failure.value) and "no luck" in str(failure.value)
    assert supervisor.status() == []
    assert len(lines(bad, "prepare")) == 3, "a start is tried again before it is given up"
    assert [pid for (pid,) in lines(good, "start") if procfs.is_alive(int(pid))] == []


async def test_a_preparation_that_fails_is_told(supervisor: Supervisor, tmp_path: Path) -> None:
    async def prepare() -> None:
        raise OSError("no space left")

    with pytest.raises(StartFailed, match="child OSError: no space left"):
        await supervisor.start([child(tmp_path / "journal", prepare=prepare)])


async def test_a_process_that_never_serves_is_given_up(supervisor: Supervisor, tmp_path: Path) -> None:
    async def never() -> None:
        raise NotYet

    with pytest.raises(StartFailed, match=r"child was not ready within 0\.2 s \(NotYet\)"):
        await supervisor.start([child(tmp_path / "journal", ready=never, ready_timeout=0.2)])
    assert [pid for (pid,) in lines(tmp_path / "journal", "start") if procfs.is_alive(int(pid))] == []


async def test_a_health_check_that_lacks_a_module_is_given_up_at_once(supervisor: Supervisor, tmp_path: Path) -> None:
    async def ready() -> None:
        raise ModuleNotFoundError("No module named 'client'")

    with pytest.raises(StartFailed, match="health check cannot run: No module named 'client'"):
        await supervisor.start([child(tmp_path / "journal", ready=ready)])


async def test_a_name_is_taken_once(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.start([child(tmp_path / "journal")])
    with pytest.raises(ValueError, match="child"):
        await supervisor.start([child(tmp_path / "other")])


async def test_a_directory_has_one_supervisor(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.start([child(tmp_path / "journal")])
    assert holder(supervisor.directory) == os.getpid()
    with pytest.raises(AlreadyRunning) as refusal:
        await Supervisor(supervisor.directory).acquire()
    assert refusal.value.pid == os.getpid()
    pid = only(supervisor).pid
    assert pid is not None and procfs.is_alive(pid)
    await supervisor.stop()
    assert holder(supervisor.directory) is None


async def test_other_processes_can_read_the_status(supervisor: Supervisor, tmp_path: Path) -> None:
    assert published_status(supervisor.directory) == []
    await supervisor.start([child(tmp_path / "journal")])
    published = published_status(supervisor.directory)
    assert [(status.name, status.state, status.pid) for status in published] == [
        ("child", State.READY, only(supervisor).pid)
    ]
    await supervisor.stop()
    assert published_status(supervisor.directory) == []


async def test_children_do_not_outlive_a_killed_supervisor(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    program = f"""
import asyncio
from pathlib import Path
from ops.stack.supervisor import Supervisor
from tests.unit.ops.stack.children import child
async def main():
    supervisor = Supervisor(Path({str(tmp_path / "data")!r}))
    await supervisor.start([child(Path({str(journal)!r}), "stubborn")])
    await asyncio.Event().wait()
asyncio.run(main())
"""
    outer = await asyncio.create_subprocess_exec(sys.executable, "-c", program, cwd=ROOT)
    try:
        await until(lambda: lines(journal, "start"), "the child starts")
        pid = int(lines(journal, "start")[0][0])
        assert procfs.is_alive(pid)
    finally:
        outer.kill()
        await outer.wait()
    await until(lambda: not procfs.is_alive(pid), "the child ends with its supervisor")


async def test_the_environment_is_passed_and_never_shown(supervisor: Supervisor, tmp_path: Path) -> None:
    spec = child(tmp_path / "journal", env={"TOKEN": "tell-nobody"})
    assert "tell-nobody" not in repr(spec)
    await supervisor.start([spec])
    pid = only(supervisor).pid
    assert pid is not None and procfs.mentions(pid, "no such argument", "TOKEN=tell-nobody")
