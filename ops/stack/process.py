"""What the supervisor is told about a process and what it tells about it: plain data, and the backoff rule."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """One process to keep running. Times are seconds.

    ``ready`` returns when the process serves and raises until then; it is called again and again, within
    ``ready_timeout`` of each start. ``sick`` is asked every now and then while it serves; what it returns, unless
    empty, is why nothing but a restart will mend it. ``prepare`` runs before each start (to make a data directory,
    say). ``env`` is added to the supervisor's own. ``death_signal`` is what the process gets when the supervisor itself
    is killed.
    """

    name: str
    argv: Sequence[str]
    ready: Callable[[], Awaitable[None]]
    sick: Callable[[], Awaitable[str]] | None = None
    prepare: Callable[[], Awaitable[None]] | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: Path | None = None
    log_path: Path | None = None
    stop_signal: int = signal.SIGTERM
    stop_timeout: float = 10.0
    ready_timeout: float = 30.0
    death_signal: int = signal.SIGKILL
    map_user: int | None = None


class State(StrEnum):
    """Where a supervised process stands."""

    STARTING = "starting"
    READY = "ready"
    BACKOFF = "backoff"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True)
class ProcessStatus:
    """A process as an operator sees it. ``since`` is Unix time in seconds; ``resident`` is bytes with descendants."""

    name: str
    state: State
    pid: int | None
    restarts: int
    since: float
    resident: int | None = None
    last_exit: str | None = None


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """The wait before a restart, in seconds: from ``first`` doubling to ``longest``, anew after ``healthy``."""

    first: float = 0.2
    longest: float = 5.0
    healthy: float = 30.0

    def delay(self, previous: float, served: float) -> float:
        """Seconds to wait, given the previous wait (0 = none yet) and how long the process has just served."""
        if previous <= 0 or served >= self.healthy:
            return self.first
        return min(previous * 2, self.longest)


class StartFailed(Exception):
    """A process could not be brought up. The message names its log and says how it ended."""
