"""The embedded stack for tests: started once a session, in a thread of its own. Imported by conftest files only."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from ops.stack.stack import Stack

T = TypeVar("T")
CALL_TIMEOUT = 120.0  # seconds; a bound, not an expectation


class StackThread:
    """A Stack with its own event loop in its own thread, so that synchronous code and any loop can use it.

    The thread lives as long as the stack: the kernel ends the services when the thread that started them ends.
    """

    def __init__(self, data_dir: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stack", daemon=True)
        self._thread.start()
        self.stack = Stack(data_dir)

    @property
    def data_dir(self) -> Path:
        """Where the services keep their data, logs and secrets."""
        return self.stack.data_dir

    @property
    def endpoints(self) -> dict[str, str]:
        """Service name to URL: nats, postgres, postgres_admin, valkey, clickhouse."""
        return self.stack.endpoints

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the stack's loop and wait for it; from any thread but the stack's own."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_TIMEOUT)

    def start(self) -> None:
        """Start the services; returns when they serve."""
        self.call(self.stack.start())

    def pid(self, name: str) -> int | None:
        """The process of a service now; None while it is down."""
        return {status.name: status.pid for status in self.stack.supervisor.status()}[name]

    def close(self) -> None:
        """Stop the services and the thread."""
        try:
            self.call(self.stack.stop())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(CALL_TIMEOUT)
            self._loop.close()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackThread]:
    """The running stack, the same for the whole session: tests use databases, streams and keys of their own."""
    running = StackThread(tmp_path_factory.mktemp("stack") / "data")
    try:
        running.start()
        yield running
    finally:
        running.close()
