"""The lock file of PostgreSQL's data directory after its number went to somebody else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.stack.postgres import drop_stale_lock


@pytest.mark.parametrize("first_line", ["{stranger}", "999999999", "", "-12"])
def test_the_lock_of_nobody_goes(tmp_path: Path, first_line: str) -> None:
    lock = tmp_path / "postmaster.pid"
    lock.write_text(first_line.format(stranger=os.getpid()) + f"\n{tmp_path}\n")
    drop_stale_lock(tmp_path)
    assert not lock.exists()


def test_the_lock_of_a_running_server_stays(tmp_path: Path) -> None:
    program = "import sys; print(); sys.stdout.flush(); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program, "-D", str(tmp_path)], **pipes) as server:
        assert server.stdout is not None and server.stdout.readline() == b"\n"
        lock = tmp_path / "postmaster.pid"
        lock.write_text(f"{server.pid}\n")
        drop_stale_lock(tmp_path)
        assert lock.exists()


def test_no_lock_is_no_trouble(tmp_path: Path) -> None:
    drop_stale_lock(tmp_path)
    assert list(tmp_path.iterdir()) == []
