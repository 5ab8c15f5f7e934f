"""What a killed run leaves behind: stopped when it is ours, left alone when the number is a stranger's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.stack import procfs, stale
from tests.unit.ops.stack.children import PROGRAM, lines
from tests.waiting import until_sync


@pytest.fixture
def run(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "run"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def orphans() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def orphan(orphans: list[subprocess.Popen[bytes]], journal: Path, *words: str, **env: str) -> int:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(journal), *words], env={**os.environ, **env})
    orphans.append(process)
    until_sync(lambda: lines(journal, "start"), "the orphan starts")
    return process.pid


def test_a_process_of_ours_is_stopped_in_order(
    run: Path, tmp_path: Path, orphans: list[subprocess.Popen[bytes]]
) -> None:
    pid = orphan(orphans, run.parent / "journal")  # known by the data directory in its command line
    stale.write_pid_file(run / "child.pid", pid, signal.SIGINT)
    assert stale.stop_all(run, run.parent) == [pid]
    assert lines(run.parent / "journal", "stop") == [[str(pid), "SIGINT"]]
    assert not procfs.is_alive(pid) and list(run.iterdir()) == []


def test_a_process_of_ours_is_known_by_its_environment(
    run: Path, tmp_path: Path, orphans: list[subprocess.Popen[bytes]]
) -> None:
    pid = orphan(orphans, tmp_path / "elsewhere", **{stale.MARKER: str(run.parent)})
    stale.write_pid_file(run / "child.pid", pid, signal.SIGTERM)
    assert stale.stop_all(run, run.parent) == [pid]


def test_a_stubborn_one_is_killed(run: Path, orphans: list[subprocess.Popen[bytes]]) -> None:
    pid = orphan(orphans, run.parent / "journal", "stubborn")
    stale.write_pid_file(run / "child.pid", pid, signal.SIGTERM)
    assert stale.stop_all(run, run.parent, grace=0.1) == [pid]
    assert not procfs.is_alive(pid)


def test_a_stranger_with_the_number_is_left_alone(
    run: Path, tmp_path: Path, orphans: list[subprocess.Popen[bytes]]
) -> None:
    pid = orphan(orphans, tmp_path / "elsewhere")
    stale.write_pid_file(run / "child.pid", pid, signal.SIGTERM)
    assert stale.stop_all(run, run.parent) == []
    assert procfs.is_alive(pid) and list(run.iterdir()) == []


@pytest.mark.parametrize("text", ["", "123", "x y", "999999999 15"])
def test_a_useless_pid_file_goes(run: Path, text: str) -> None:
    (run / "child.pid").write_text(text)
    assert stale.stop_all(run, run.parent) == []
    assert list(run.iterdir()) == []
