"""Has the rules compiled before anything starts, and says so: what serves later finds them as a file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from ops.cli.exits import CommandFailed
from projections.log.ending import end
from projections.screening.cache import cached
from projections.screening.compiled import PackError
from projections.screening.compiling import compile_apart

EVERY_S = 5.0


async def ensure_rules(directory: Path, say: Callable[[str], None]) -> None:
    """Returns once a compiled pack of the rules that come with Nexus is there; at once when it was.

    Args:
        say: takes lines about the progress, for people.

    Raises:
        CommandFailed: the rules cannot be compiled here.
    """
    if await asyncio.to_thread(cached, directory) is not None:
        return
    began = time.monotonic()
    say("compiling the compliance rules (once; later starts skip this)")
    work = asyncio.create_task(compile_apart(directory), name="compile rules")
    try:
        while not (await asyncio.wait({work}, timeout=EVERY_S))[0]:
            say(f"still compiling rules after {time.monotonic() - began:.0f} s")
        work.result()
    except PackError as error:
        raise CommandFailed(f"the compliance rules cannot be compiled: {error}") from None
    finally:
        await end({work})
    say(f"rules compiled in {time.monotonic() - began:.0f} s")
