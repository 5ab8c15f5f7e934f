"""`nexus up --detach`: starts itself in the background, waits until it serves, and hands on what it announces."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

from ops.cli.exits import INTERRUPTED, OK, CommandFailed
from ops.stack.credentials import private_directory
from ops.up import options
from ops.up.processes import python_path

LOG_FILE = Path("logs") / "nexus.log"
LOG_LIMIT = 16 * 1024 * 1024
STOP_S = 60.0
_OUR_LINE = "nexus: "


def start(args: argparse.Namespace) -> int:
    """The command; 0 once all of it serves.

    The announcement comes through a pipe and goes to the terminal: a key in it is in no file.

    Raises:
        CommandFailed: it did not get there; the message holds its last words and the path of its log.
    """
    wanted = options.read(args, os.environ)
    path = private_directory(wanted.data) / LOG_FILE
    path.parent.mkdir(exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        path.replace(path.with_name(path.name + ".1"))
    with path.open("ab") as log:
        begin = log.tell()
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "ops.up", *arguments(args)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, "PYTHONPATH": python_path()},
            start_new_session=True,
        )
    assert process.stdout is not None
    try:
        served = _hand_on(process.stdout, sys.stdout)
    except KeyboardInterrupt:
        process.terminate()
        _wait(process)
        return INTERRUPTED
    if served:
        return OK
    _wait(process)
    raise CommandFailed(f"{_last_words(path, begin)}\nits log is {path}")


def arguments(args: argparse.Namespace) -> list[str]:
    """The command line of the same start in the foreground, after `up`."""
    given = ["--output", args.output, "--data", str(args.data)]
    for flag, value in (("--gateway-port", args.gateway_port), ("--admin-port", args.admin_port)):
        given += [flag, str(value)] if value is not None else []
    given += ["--config", str(args.config)] if args.config is not None else []
    given += ["--only", args.only] if args.only else []
    given += ["--processes", ",".join(args.processes)] if args.processes is not None else []
    return given


def _hand_on(announcement: IO[bytes], terminal: IO[str]) -> bool:
    """Copies lines until the one that says that all serves; False when the process ended before."""
    for line in announcement:
        text = line.decode()
        terminal.write(text)
        terminal.flush()
        if text.startswith("ready ") or (text.startswith("{") and json.loads(text)["ready"]):
            return True
    return False


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_words(path: Path, begin: int) -> str:
    """The message that it ended with, else all that it said."""
    with path.open("rb") as log:
        log.seek(begin)
        text = log.read().decode(errors="replace").strip()
    _, found, message = f"\n{text}".rpartition(f"\n{_OUR_LINE}")
    return message if found else text or "it ended without a word"
