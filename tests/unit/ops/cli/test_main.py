"""The grammar, the exit codes, and what comes before any command."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from ops.bootstrap import ROOT
from ops.cli import main as module
from ops.cli.exits import CommandFailed
from ops.cli.main import read, run, version
from ops.cli.parser import COMMANDS
from schemas import errors


def test_help_is_quick_because_it_loads_nothing() -> None:
    code = "import sys; from ops.cli.main import run; run(['--help']); print([*sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = found.stdout.splitlines()[-1]
    assert "exit codes" in found.stdout
    assert [name for name in ("msgspec", "asyncio", "nats", "http.client") if f"'{name}'" in loaded] == []


@pytest.mark.parametrize(
    "argv", [[], ["fly"], ["keys"], ["traffic", "get"], ["up", "--gateway-port", "99999"], ["--outpu", "json"]]
)
def test_wrong_usage_is_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "usage: nexus" in captured.err


def test_help_and_version_are_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == run(["keys", "create", "--help"]) == 0
    capsys.readouterr()
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"nexus {version()}\n"


def test_options_of_all_commands_may_stand_anywhere() -> None:
    for argv in (
        ["--output", "json", "--data", "/d", "keys", "ls"],
        ["keys", "ls", "--output", "json", "--data", "/d"],
        ["--output", "json", "keys", "ls", "--data=/d"],
    ):
        args = read(argv)
        assert args is not None
        assert (args.command, args.output, args.data) == ("keys ls", "json", Path("/d"))
    plain = read(["status"])
    assert plain is not None
    assert (plain.output, plain.data) == ("text", Path(".nexus"))


def test_up_has_what_it_needs() -> None:
    plain = read(["up"])
    assert plain is not None
    assert (plain.detach, plain.gateway_port, plain.admin_port) == (False, None, None)
    assert (plain.config, plain.only, plain.processes) == (None, None, None)
    given = "up --detach --gateway-port 0 --admin-port 1 --config f.toml --only stack --processes a,b"
    full = read(given.split(" "))
    assert full is not None
    assert (full.detach, full.gateway_port, full.admin_port) == (True, 0, 1)
    assert (full.config, full.only, full.processes) == (Path("f.toml"), "stack", ("a", "b"))


def test_what_belongs_to_pytest_is_passed_on_untouched() -> None:
    args = read(["test", "-k", "chain and not slow", "-x", "tests/unit", "--co"])
    assert args is not None
    assert (args.command, args.rest) == ("test", ["-k", "chain and not slow", "-x", "tests/unit", "--co"])


def test_the_word_test_may_be_an_argument_of_others() -> None:
    for argv, command in ((["traffic", "get", "test"], "traffic get"), (["--data", "test", "status"], "status")):
        args = read(argv)
        assert args is not None
        assert args.command == command


@pytest.mark.parametrize("target", [target for name, target in COMMANDS.items()])
def test_every_command_leads_somewhere(target: str) -> None:
    name, _, function = target.partition(":")
    assert callable(getattr(importlib.import_module(name), function))


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (CommandFailed("no"), 1),
        (CommandFailed("no", 5), 5),
        (errors.Unavailable("the log cannot be reached"), 1),
        (errors.Unauthenticated("who"), 3),
        (errors.Forbidden("not you"), 4),
        (errors.NotFound("where"), 5),
        (KeyboardInterrupt(), 130),
    ],
)
def test_problems_become_exit_codes(
    problem: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> int:
        raise problem

    monkeypatch.setattr(module, "load", lambda target: fail)
    assert run(["status"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (f"nexus: {problem}\n" if str(problem) else "")


def test_a_reader_that_leaves_is_no_failure() -> None:
    program = (
        "import ops.cli.main as m\n"
        "def speak(args):\n"
        "    for _ in range(100000): print('x' * 100)\n"
        "    return 0\n"
        "m.load = lambda target: speak\n"
        "import sys; sys.exit(m.run(['status']))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.wait(30) == 0
        assert child.stderr.read() == b""
