"""The peers: their processes, their installations, and the ratios."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.peers import environments
from benchmarks.peers.children import CannotStart, Child, free_port
from benchmarks.peers.compare import Pairs, Run, figures_of, table
from benchmarks.peers.contenders import Contender
from benchmarks.peers.environments import Skipped
from ops.stack.procfs import is_alive
from tests.waiting import until_sync

SERVER = """
import socket, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
print(child.pid, flush=True)
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        server.accept()
"""


def test_a_child_is_ended_with_what_it_started(tmp_path: Path) -> None:
    port = free_port()
    child = Child("server", [sys.executable, "-c", SERVER, str(port)], tmp_path)
    try:
        child.wait_for_port(port)
        grandchild = int(child.log.read_text())
        assert is_alive(child.pid) and is_alive(grandchild)
    finally:
        child.stop()
    assert not is_alive(child.pid)
    # nobody but init waits for it, and the signal takes a moment
    until_sync(lambda: not is_alive(grandchild), "the end of the child's child")


def test_a_child_that_ends_at_once_says_why(tmp_path: Path) -> None:
    child = Child("broken", [sys.executable, "-c", "raise SystemExit('no such option')"], tmp_path)
    try:
        with pytest.raises(CannotStart, match="no such option"):
            child.wait_for_port(free_port())
    finally:
        child.stop()


def test_what_is_missing_is_skipped_with_a_way_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Skipped, match="Node"):
        environments.portkey()


def test_an_installation_that_fails_is_skipped_and_tried_again(tmp_path: Path) -> None:
    place = tmp_path / "peer"
    for _ in range(2):
        with pytest.raises(Skipped, match="peer: cannot be installed: no network"):
            environments._install("peer", place, [sys.executable, "-c", "raise SystemExit('no network')"])
    environments._install("peer", place, [sys.executable, "-c", "pass"])
    environments._install("peer", place, [sys.executable, "-c", "raise SystemExit('must not run again')"])


def test_ratios_are_of_runs_that_followed_each_other() -> None:
    def run(rps: float) -> Run:
        return Run(rps, 1000 / rps, 2000 / rps, {"gateway": 100.0})

    peer = Contender("nginx 1", "http://127.0.0.1:1/v1", {"nginx": 1})
    found = [
        Pairs("nginx", peer, in_flight, theirs=[run(100), run(1000), run(50)], ours=[run(50), run(300), run(20)])
        for in_flight in (32, 1)
    ]
    assert found[0].ratio == 0.4
    figures = {figure.name: figure for figure in figures_of(found)}
    assert figures["32 in flight: nexus over nginx 1"].target == 0.25
    assert not figures["32 in flight: nexus over nginx 1"].missed
    assert figures["1 in flight: nexus over nginx 1"].target is None
    assert "0.40 ×" in table(found)
