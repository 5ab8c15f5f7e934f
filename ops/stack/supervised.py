"""The life of one supervised process: start, wait until it serves, restart it when it dies, stop it in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable
from pathlib import Path

from ops.stack import launch, stale
from ops.stack.process import Backoff, ProcessSpec, ProcessStatus, StartFailed, State

log = logging.getLogger(__name__)

FIRST_START_ATTEMPTS = 3
NOT_READY = "was not ready"
READY_POLL = 0.02  # seconds between two health checks
READY_CHECK_TIMEOUT = 15.0  # seconds one health check may take
SICK_POLL = 2.0  # seconds between two looks whether a process that serves is beyond help
LOG_LIMIT = 16 * 1024 * 1024  # bytes; a longer log is set aside as NAME.log.1 at the next start
LOG_TAIL = 2000  # bytes of the log that a failed start shows


class Supervised:
    """One process under supervision. All methods belong to one event loop."""

    def __init__(self, spec: ProcessSpec, directory: Path, backoff: Backoff, on_change: Callable[[], None]) -> None:
        self.spec = spec
        self._directory = directory
        self._log_path = spec.log_path or directory / "logs" / f"{spec.name}.log"
        self._pid_path = directory / "run" / f"{spec.name}.pid"
        self._backoff = backoff
        self._on_change = on_change
        self._process: asyncio.subprocess.Process | None = None
        self._state = State.STOPPED
        self._since = time.time()
        self._restarts = 0
        self._last_exit: str | None = None
        self._check_error: str | None = None
        self._log_start = 0
        self._stopping = asyncio.Event()
        self._first_ready: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    def status(self) -> ProcessStatus:
        """As it stands now, without memory."""
        return ProcessStatus(
            name=self.spec.name,
            state=self._state,
            pid=self._process.pid if self._process is not None else None,
            restarts=self._restarts,
            since=self._since,
            last_exit=self._last_exit,
        )

    async def start(self) -> None:
        """Start it and return when it serves for the first time. Raises StartFailed; it is stopped then."""
        self._first_ready = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(self._first_ready), name=f"supervise {self.spec.name}")
        try:
            await asyncio.shield(self._first_ready)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Send the stop signal and wait for the end; SIGKILL after the stop timeout. Idempotent."""
        self._stopping.set()
        task, process = self._task, self._process
        if task is None:
            return
        if process is None:
            task.cancel()  # waiting for the backoff or preparing
        else:
            self._change(State.STOPPING)
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(self.spec.stop_signal)
        done, _ = await asyncio.wait({task}, timeout=self.spec.stop_timeout)
        if not done:
            log.warning("process=%s event=kill reason=stop_timeout", self.spec.name)
            if process is not None:
                launch.kill_group(process.pid)
            task.cancel()
            await asyncio.wait({task})
        self._change(State.STOPPED)

    def abandon(self) -> None:
        """Send the death signal and do not look back; it is not started again."""
        self._stopping.set()
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(self.spec.death_signal)

    async def _run(self, first_ready: asyncio.Future[None]) -> None:
        delay, attempts = 0.0, 0
        while not self._stopping.is_set():
            served = 0.0
            try:
                served, ending = await self._live(first_ready)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # a failing preparation is an ending like any other: shown, then retried
                ending = f"{type(error).__name__}: {error}"
            if self._stopping.is_set():
                return
            self._last_exit = ending
            attempts += 1
            if not first_ready.done() and (attempts >= FIRST_START_ATTEMPTS or ending.startswith(NOT_READY)):
                first_ready.set_exception(StartFailed(self._explain(ending)))
                return
            delay = self._backoff.delay(delay, served)
            self._restarts += 1
            self._change(State.BACKOFF)
            log.warning(
                "process=%s event=ended reason=%r restart_in=%.1f", self.spec.name, ending.splitlines()[0], delay
            )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)

    async def _live(self, first_ready: asyncio.Future[None]) -> tuple[float, str]:
        """One life from preparation to end: seconds it served, and how it ended."""
        self._change(State.STARTING)
        if self.spec.prepare is not None:
            await self.spec.prepare()
        process = await self._spawn()
        exited = asyncio.create_task(process.wait())
        ready = asyncio.create_task(self._until_ready())
        try:
            await asyncio.wait({exited, ready}, timeout=self.spec.ready_timeout, return_when=asyncio.FIRST_COMPLETED)
            if exited.done():
                return 0.0, f"ended with {_outcome(process.returncode)} before it was ready"
            if not ready.done():
                return 0.0, f"{NOT_READY} within {self.spec.ready_timeout:g} s ({self._check_error or 'no answer'})"
            if ready.exception() is not None:
                return 0.0, f"{NOT_READY}: its health check cannot run: {ready.exception()}"
            served_from = time.monotonic()
            self._change(State.READY)
            log.info("process=%s event=ready pid=%d", self.spec.name, process.pid)
            if not first_ready.done():
                first_ready.set_result(None)
            sick = await self._until_ended(process, exited)
            return time.monotonic() - served_from, sick or f"ended with {_outcome(process.returncode)}"
        finally:
            ready.cancel()
            launch.kill_group(process.pid)  # what a crashed process leaves behind would hold its port
            await asyncio.wait({exited})
            self._process = None
            self._pid_path.unlink(missing_ok=True)

    async def _until_ended(self, process: asyncio.subprocess.Process, exited: asyncio.Task[int]) -> str:
        """Wait for the end of a process that serves, and end it when it is sick: why, empty when it ended by itself."""
        while self.spec.sick is not None and not self._stopping.is_set():
            await asyncio.wait({exited}, timeout=SICK_POLL)
            if exited.done():
                break
            try:
                async with asyncio.timeout(READY_CHECK_TIMEOUT):
                    reason = await self.spec.sick()
            except Exception as error:  # who cannot be asked is not known to be sick
                log.info("process=%s event=sickness_unknown error=%s", self.spec.name, type(error).__name__)
                continue
            if reason and not self._stopping.is_set():
                log.warning("process=%s event=sick reason=%r", self.spec.name, reason)
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(self.spec.stop_signal)
                await asyncio.wait({exited}, timeout=self.spec.stop_timeout)
                return reason
        await asyncio.wait({exited})  # awaited by itself it would be cancelled with us, and nobody would see the end
        return ""

    async def _spawn(self) -> asyncio.subprocess.Process:
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        if self._log_path.exists() and self._log_path.stat().st_size > LOG_LIMIT:
            self._log_path.replace(self._log_path.with_name(self._log_path.name + ".1"))
        with self._log_path.open("ab") as output:
            self._log_start = output.tell()
            self._process = await launch.launch(
                self.spec.argv,
                output=output,
                env={**self.spec.env, stale.MARKER: str(self._directory)},
                cwd=self.spec.cwd,
                death_signal=self.spec.death_signal,
                map_user=self.spec.map_user,
            )
        stale.write_pid_file(self._pid_path, self._process.pid, self.spec.stop_signal)
        self._on_change()
        return self._process

    async def _until_ready(self) -> None:
        self._check_error = None
        while True:
            try:
                async with asyncio.timeout(READY_CHECK_TIMEOUT):
                    await self.spec.ready()
                return
            except ImportError:
                raise  # no time will mend it
            except Exception as error:  # any other error means not yet; the caller's bound ends it
                self._check_error = type(error).__name__  # its text may hold an URL with a password
            await asyncio.sleep(READY_POLL)

    def _change(self, state: State) -> None:
        self._state, self._since = state, time.time()
        self._on_change()

    def _explain(self, ending: str) -> str:
        message = f"{self.spec.name} {ending}. Its log is {self._log_path}"
        if self._log_path.exists():
            with self._log_path.open("rb") as file:
                file.seek(max(self._log_start, self._log_path.stat().st_size - LOG_TAIL))
                tail = file.read().decode(errors="replace").strip()
            message += f", which ends with:\n{tail}" if tail else " (empty)"
        return message


def _outcome(code: int | None) -> str:
    """A return code in words: negative means the signal that ended the process."""
    if code is not None and code < 0:
        return signal.Signals(-code).name if -code in list(signal.Signals) else f"signal {-code}"
    return f"status {code}"
