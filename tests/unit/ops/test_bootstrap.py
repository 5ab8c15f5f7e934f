"""The environment is made once, finished when interrupted, synced when the lock changes, and then entered."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ops import bootstrap
from ops.bootstrap import ROOT, Layout, SetupFailed, ensure, environment_inside, set_up

# stands for `.venv/bin/python`: writes down what it is asked, and fails when a file says so
PYTHON = """#!/bin/sh
echo "$*" >> "{calls}"
for word in "$@"; do
    if [ "$word" = "$(cat "{fails}" 2>/dev/null)" ]; then echo "no such package"; exit 1; fi
done
"""


class Checkout:
    """A made-up checkout whose environment is there already."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        self._calls = root / "calls"
        self.fails = root / "fails"
        root.mkdir()
        self.layout.lock.write_text("one==1 \\\n    --hash=sha256:0\ntwo==2\n")
        self.layout.project.write_text("[project]\n")
        self.layout.python.parent.mkdir(parents=True)
        self.layout.python.write_text(PYTHON.format(calls=self._calls, fails=self.fails))
        self.layout.python.chmod(self.layout.python.stat().st_mode | stat.S_IXUSR)

    def installs(self) -> list[str]:
        """What pip was told to install since the last time, the last words of each."""
        lines = self._calls.read_text().splitlines() if self._calls.exists() else []
        self._calls.unlink(missing_ok=True)
        return [line.rpartition(" install ")[2] for line in lines if " install " in line]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "checkout")


@pytest.fixture
def entered(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Command lines that this process would have become."""
    found: list[list[str]] = []
    monkeypatch.setattr(os, "execve", lambda path, argv, environment: found.append(argv))
    return found


def dependencies(layout: Layout) -> str:
    return f"--require-hashes --progress-bar off -r {layout.lock}"


def itself(layout: Layout) -> str:
    return f"--no-deps --no-build-isolation --quiet -e {layout.root}"


def test_a_first_start_installs_and_goes_inside(checkout: Checkout, entered: list[list[str]]) -> None:
    ensure(["up", "--data", "a b"], checkout.layout)
    assert checkout.installs() == [dependencies(checkout.layout), itself(checkout.layout)]
    assert entered == [[str(checkout.layout.python), "-P", "-m", "ops", "up", "--data", "a b"]]
    assert json.loads(checkout.layout.stamp.read_text()) == checkout.layout.wanted()


def test_a_second_start_only_goes_inside(checkout: Checkout, entered: list[list[str]]) -> None:
    ensure([], checkout.layout)
    checkout.installs()
    ensure(["status"], checkout.layout)
    assert checkout.installs() == []
    assert len(entered) == 2


def test_inside_of_a_finished_environment_nothing_happens(
    checkout: Checkout, entered: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(checkout.layout)
    checkout.installs()
    monkeypatch.setattr(sys, "prefix", str(checkout.layout.venv))
    ensure(["status"], checkout.layout)
    assert checkout.installs() == []
    assert entered == []


def test_a_changed_lock_is_synced_even_from_inside(
    checkout: Checkout, entered: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(checkout.layout)
    checkout.installs()
    monkeypatch.setattr(sys, "prefix", str(checkout.layout.venv))
    checkout.layout.lock.write_text("one==2\n")
    ensure(["status"], checkout.layout)
    assert checkout.installs() == [dependencies(checkout.layout), itself(checkout.layout)]
    # modules of the old packages may be loaded: start over
    assert len(entered) == 1


def test_a_changed_project_is_only_installed_itself(checkout: Checkout, entered: list[list[str]]) -> None:
    ensure([], checkout.layout)
    checkout.installs()
    checkout.layout.project.write_text("[project]\nname = 'x'\n")
    ensure([], checkout.layout)
    assert checkout.installs() == [itself(checkout.layout)]


def test_an_interrupted_set_up_is_finished(
    checkout: Checkout, entered: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.fails.write_text("-e")
    with pytest.raises(SetupFailed, match="could not be installed into its environment"):
        ensure([], checkout.layout)
    assert "| no such package" in capsys.readouterr().err
    assert not checkout.layout.stamp.exists()
    assert entered == []
    checkout.installs()
    checkout.fails.unlink()
    ensure([], checkout.layout)
    assert checkout.installs() == [dependencies(checkout.layout), itself(checkout.layout)]
    assert len(entered) == 1


def test_a_torn_stamp_counts_as_none(checkout: Checkout, entered: list[list[str]]) -> None:
    for torn in ("", "{", "[]", '{"root": "elsewhere"}'):
        checkout.layout.stamp.write_text(torn)
        assert checkout.layout.found() != checkout.layout.wanted()


def pretended(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands of the set-up, none of which is run."""
    made: list[list[str]] = []

    def pretend(command: list[str], *_: object) -> int:
        made.append(command)
        return 0

    monkeypatch.setattr(bootstrap, "run_pip", pretend)
    return made


def test_an_environment_that_moved_is_made_anew(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    made = pretended(monkeypatch)
    checkout.layout.stamp.write_text(json.dumps({**checkout.layout.wanted(), "root": "/somewhere/else"}))
    set_up(checkout.layout)
    assert made[0][1:4] == ["-m", "venv", "--clear"]
    assert made[0][-1] == str(checkout.layout.venv)
    assert made[1][-1] == str(checkout.layout.lock)


def test_another_checkouts_environment_behind_a_link_is_left_alone(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretended(monkeypatch)
    theirs = checkout.layout.venv.rename(tmp_path / "theirs")
    checkout.layout.venv.symlink_to(theirs)
    (theirs / checkout.layout.stamp.name).write_text(json.dumps({**checkout.layout.wanted(), "root": "/elsewhere"}))
    with pytest.raises(OSError):  # nothing was really made, so the stamp finds no place
        set_up(checkout.layout)
    assert not checkout.layout.venv.is_symlink()
    assert (theirs / "bin" / "python").is_file() and (theirs / checkout.layout.stamp.name).is_file()


def test_an_environment_whose_python_is_gone_is_made_anew(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    made = pretended(monkeypatch)
    checkout.layout.python.unlink()
    set_up(checkout.layout)
    assert made[0][1:3] == ["-m", "venv"]
    # pip is not in what was only pretended to be made, so that of this interpreter does the work
    assert "--python" in made[1]


def test_a_python_without_pip_is_told_what_to_install(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "run_pip", lambda command, *_: 0)
    monkeypatch.setattr(bootstrap, "_runs", lambda command: False)
    with pytest.raises(SetupFailed, match="python3-venv"):
        set_up(checkout.layout)


def test_two_at_once_install_once(checkout: Checkout, entered: list[list[str]]) -> None:
    threads = [threading.Thread(target=ensure, args=([], checkout.layout)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert checkout.installs() == [dependencies(checkout.layout), itself(checkout.layout)]
    assert len(entered) == 3


def test_an_installed_copy_needs_no_environment(tmp_path: Path, entered: list[list[str]]) -> None:
    ensure(["status"], Layout(tmp_path))
    assert entered == []


def test_the_callers_environment_is_respected() -> None:
    outside = {"PATH": "/bin", "PIP_INDEX_URL": "https://mirror.example.com", "PYTHONHOME": "/x", "LANG": "C"}
    inside = environment_inside(Layout(Path("/c")), outside)
    assert inside["PATH"] == f"/c/.venv/bin{os.pathsep}/bin"
    assert inside["PIP_INDEX_URL"] == outside["PIP_INDEX_URL"]
    assert "PYTHONHOME" not in inside


def test_the_lock_names_hashes_and_no_hosts() -> None:
    lock = Layout(ROOT).lock.read_text()
    assert "://" not in lock
    assert lock.count("--hash=sha256:") >= lock.count("==")


def test_an_older_python_is_told_what_it_needs() -> None:
    code = (
        "import sys, runpy\n"
        "sys.version_info = (3, 10, 4)\n"
        "sys.argv = ['nexus', 'up']\n"
        "runpy.run_module('ops', run_name='__main__')\n"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert found.stderr.startswith("nexus needs Python 3.11 or newer, this is 3.10.4.")
