"""Commands that are another program's: the suite's exit code and counts, the mock provider's first line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from ops.bootstrap import ROOT

PROGRAM = "import sys; from ops.cli.main import run; sys.exit(run(sys.argv[1:]))"
QUICK = "tests/architecture/test_checkout.py"


def nexus(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *argv], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize(
    ("argv", "code"), [([QUICK], 0), (["tests/nowhere.py"], 4), ([QUICK, "-k", "nothing_has_it"], 5)]
)
def test_the_exit_code_is_pytests(argv: list[str], code: int) -> None:
    found = nexus("test", *argv)
    assert found.returncode == code, found.stdout + found.stderr


def test_with_json_stdout_has_the_counts_alone() -> None:
    found = nexus("test", "--output", "json", QUICK)
    told = json.loads(found.stdout)
    assert (told["exit"], told["failures"], told["errors"]) == (0, 0, 0)
    assert told["tests"] > 3
    assert "passed" in found.stderr


def test_the_mock_provider_serves_until_it_is_told_to_stop() -> None:
    argv = ["--output", "json", "mock-provider", "--port", "0"]
    with subprocess.Popen([sys.executable, "-c", PROGRAM, *argv], cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert json.loads(child.stdout.readline())["url"].startswith("http://127.0.0.1:")
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0
