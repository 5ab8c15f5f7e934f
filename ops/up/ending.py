"""`nexus down`: asks what runs on a data directory to stop, and waits until it has."""

from __future__ import annotations

import argparse
import os
import signal
import time

from ops.cli.exits import NOT_FOUND, OK, CommandFailed
from ops.cli.output import Output
from ops.stack import procfs
from ops.stack.supervisor import holder

WAIT_S = 120.0
"""More than all parts together are given for an orderly end."""
_POLL_S = 0.05


def end(args: argparse.Namespace) -> int:
    """The command; 0 when it has ended, 5 when nothing ran.

    Raises:
        CommandFailed: nothing runs there, or it does not end.
    """
    data = args.data.expanduser().resolve()
    pid = holder(data)
    if pid is None:
        raise CommandFailed(f"nothing runs with the data directory {data}", NOT_FOUND)
    output = Output(args.output)
    output.message(f"nexus: stopping process {pid} and all it started")
    began = time.monotonic()
    try:
        os.kill(pid, signal.SIGTERM)
    except PermissionError:
        raise CommandFailed(f"process {pid} belongs to another user: stop it as that one") from None
    except ProcessLookupError:
        # it ended meanwhile
        return _ended(output, pid, began)
    # it gives the directory back shortly before it is gone itself
    while holder(data) == pid or procfs.is_alive(pid):
        if time.monotonic() - began > WAIT_S:
            raise CommandFailed(f"process {pid} has not ended within {WAIT_S:g} s; see {data / 'logs'}")
        time.sleep(_POLL_S)
    return _ended(output, pid, began)


def _ended(output: Output, pid: int, began: float) -> int:
    seconds = time.monotonic() - began
    output.result({"stopped": pid, "seconds": round(seconds, 1)}, f"stopped after {seconds:.1f} s")
    return OK
