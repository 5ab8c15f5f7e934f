"""Starting operating-system processes through the exec wrapper, each in a session of its own. Watches none."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

WRAPPER = Path(__file__).with_name("child.py")
OUTPUT_TAIL = 2000  # characters of a failed command's output that an error message carries


class CommandFailed(Exception):
    """A one-off command ended with a status other than 0. The message carries the end of its output."""


async def launch(
    argv: Sequence[str],
    *,
    output: IO[bytes] | int,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    death_signal: int = signal.SIGKILL,
    map_user: int | None = None,
) -> asyncio.subprocess.Process:
    """Start ``argv`` in a new session, so that a Ctrl-C in the terminal reaches only us and we order the stop.

    ``env`` is added to our own environment. When the thread that called this dies, even by SIGKILL, the process gets
    ``death_signal``. ``map_user`` runs it under that uid in a user namespace of its own.
    """
    user = "-" if map_user is None else str(map_user)
    wrapped = [sys.executable, "-I", "-S", str(WRAPPER), str(int(death_signal)), str(os.getpid()), user, *argv]
    return await asyncio.create_subprocess_exec(
        *wrapped,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **(env or {})},
        cwd=cwd,
        start_new_session=True,
    )


def kill_group(pid: int) -> None:
    """SIGKILL every process left in the session's first process group; nothing when there is none."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
        return


async def run(argv: Sequence[str], *, env: Mapping[str, str] | None = None, map_user: int | None = None) -> None:
    """Run a command to its end. Raises CommandFailed; a cancelled call leaves no process behind."""
    process = await launch(argv, output=asyncio.subprocess.PIPE, env=env, map_user=map_user)
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            kill_group(process.pid)
    if process.returncode != 0:
        tail = output.decode(errors="replace").strip()[-OUTPUT_TAIL:]
        raise CommandFailed(f"{Path(argv[0]).name} ended with status {process.returncode}: {tail}")
