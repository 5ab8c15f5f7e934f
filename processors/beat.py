"""A file that says that this process works: who started it, or a container's health check, looks at its age."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

from processors.stopping import pause
from schemas.settings import Settings

log = logging.getLogger(__name__)

EVERY_S = 5.0
"""Seconds between two beats; a file older than a few of them belongs to a process that hangs or is gone."""


def beat_file(settings: Settings) -> Path:
    """Where the beat of a process is; its text is the process's number."""
    return settings.data / "run" / f"{settings.writer or 'workers'}.beat"


async def beat(path: Path, stop: asyncio.Event) -> None:
    """Touches the file now and then until `stop` is set, and takes it away then. A full disk is no reason to end."""
    while not stop.is_set():
        try:
            _touch(path)
        except OSError as error:
            log.warning("event=beat_missed error=%s", error.strerror)
        await pause(stop, EVERY_S)
    _remove(path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(f"{os.getpid()}\n", encoding="ascii")
    beside.replace(path)
