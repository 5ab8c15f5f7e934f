"""Files are whole, private, and alone in their directory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from projections import files


def test_what_is_there_stays_when_it_is_created_again(tmp_path: Path) -> None:
    path = tmp_path / "key"
    files.create(path, b"first")
    files.create(path, b"second")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"first", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_there_is_replaced_and_private_from_then_on(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"first")
    path.chmod(0o644)
    files.replace(path, b"second")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"second", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_left_of_what_could_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    (tmp_path / "key" / "inside").touch()
    with pytest.raises(OSError):
        files.replace(tmp_path / "key", b"second")
    assert list(tmp_path.iterdir()) == [tmp_path / "key"]


def test_a_lock_is_held_by_one_and_by_none_that_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "run" / "x.lock"
    with files.held(path), pytest.raises(BlockingIOError), files.held(path):
        raise AssertionError("nobody comes here")
    with pytest.raises(KeyError), files.held(path):
        raise KeyError
    program = f"import os; from pathlib import Path; from projections import files; files.held(Path({str(path)!r}))"
    killed = f"{program}.__enter__(); os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", killed], check=False).returncode == -9
    with files.held(path):
        assert path.stat().st_mode & 0o777 == 0o600
