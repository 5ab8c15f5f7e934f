"""`python -m processors NAME…|all`: runs workers in one process and one event loop. What they do is in their rooms."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from importlib import import_module
from typing import Any

import uvloop

from processors.beat import beat, beat_file
from processors.shared import Shared
from projections.process import begin
from schemas.settings import BadSettings, Settings, read_settings

log = logging.getLogger("processors")

MODULES = {
    name: f"processors.{name}.app"
    for name in ("audit", "analytics", "quota", "compliance", "routing", "siem", "reconcile", "checkpoint")
}
"""Where the `async def run(settings, stop, shared)` of each worker is; imported only when it is to run."""

Run = Callable[[Settings, asyncio.Event, Shared], Coroutine[Any, Any, None]]

GC_AFTER = 20_000
"""New containers between two collections."""
LEAVE_S = 15.0
"""What a worker gets to finish what it has in its hands."""


def load(names: Sequence[str]) -> dict[str, Run]:
    """The entry of each worker."""
    return {name: import_module(MODULES[name]).run for name in names}


async def run_all(workers: Mapping[str, Run], settings: Settings, stop: asyncio.Event) -> list[str]:
    """Runs workers until `stop` is set or one of them ends by itself, which ends all.

    Returns:
        The workers that failed: raised, returned unasked, or had to be cut off.
    """
    shared = Shared(settings.nats_url)
    tasks = {asyncio.create_task(run(settings, stop, shared), name=name): name for name, run in workers.items()}
    asked = asyncio.create_task(stop.wait())
    await asyncio.wait((*tasks, asked), return_when=asyncio.FIRST_COMPLETED)
    unasked = set() if stop.is_set() else {task for task in tasks if task.done()}
    stop.set()
    await asked
    _, late = await asyncio.wait(tasks, timeout=LEAVE_S)
    for task in late:
        task.cancel()
    await asyncio.wait(tasks)
    await shared.close()
    failed = []
    for task, name in tasks.items():
        error = None if task.cancelled() else task.exception()
        if error is None and task not in unasked and task not in late:
            continue
        failed.append(name)
        why = "had to be cut off" if task in late else "returned unasked" if error is None else type(error).__name__
        log.error("event=worker_failed worker=%s reason=%s", name, why, exc_info=error)
    return failed


async def serve(names: Sequence[str], settings: Settings) -> int:
    """Runs workers until SIGTERM or SIGINT; the exit status."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    workers = load(names)
    # the modules stay for as long as the process, and a batch of rows is many containers and no cycles
    gc.freeze()
    gc.set_threshold(GC_AFTER, 20, 20)
    beating = asyncio.create_task(beat(beat_file(settings), stop), name="beat")
    failed = await run_all(workers, settings, stop)
    await beating
    return 1 if failed else 0


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """The command. Exit status 0 in order, 1 when a worker failed, 2 for wrong usage or settings."""
    parser = argparse.ArgumentParser(prog="python -m processors", description="Run workers of the log.")
    parser.add_argument(
        "names", nargs="+", metavar="NAME", choices=[*MODULES, "all"], help=", ".join([*MODULES, "all"])
    )
    asked = parser.parse_args(arguments).names
    names = list(MODULES) if "all" in asked else list(dict.fromkeys(asked))
    try:
        settings = read_settings(environment)
    except BadSettings as error:
        print(error, file=sys.stderr)
        return 2
    begin(settings.log_level)
    return uvloop.run(serve(names, settings))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
