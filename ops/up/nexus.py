"""A whole Nexus on one data directory: starts its parts as soon as what they need is there, stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable

import msgspec

from ops.cli.exits import CommandFailed
from ops.stack.credentials import write_private
from ops.stack.ports import PortBook
from ops.stack.process import ProcessSpec, StartFailed
from ops.stack.stack import CLICKHOUSE, NATS, POSTGRES, VALKEY, Stack
from ops.stack.supervisor import AlreadyRunning, Supervisor
from ops.stack.wheels import ServiceNotInstalled
from ops.up import processes, serving
from ops.up.options import ADMIN, ADMIN_PORT, GATEWAY, GATEWAY_PORT, MOCK, PROCESSORS, WORKERS, Options
from ops.up.ports import MOCK_PORT, choose, choose_mock
from projections.log.api import ApiError
from projections.log.connection import LogConnection
from projections.log.topology import apply
from schemas.errors import NexusError, Unavailable
from schemas.settings import Settings
from schemas.topology import EMBEDDED

ENDPOINTS_FILE = "endpoints.json"
ALL = (NATS, POSTGRES, VALKEY, CLICKHOUSE)
NEEDS = {MOCK: (), GATEWAY: (NATS, VALKEY), ADMIN: (NATS, POSTGRES)}
"""Services that must serve before a process is started; workers need all of them."""
DRAIN_S = 5.0
"""How long workers may take, at the stop, for what is still on the log: they resume there, so nothing hangs on it."""
LOG_S = 30.0
_EXPECTED = (StartFailed, AlreadyRunning, ServiceNotInstalled, NexusError, ApiError)
"""Whose texts people can act on as they are."""


class Nexus:
    """Belongs to one event loop, whose thread must live as long as the processes."""

    def __init__(self, options: Options, say: Callable[[str], None]) -> None:
        """Args: say: takes lines about the progress, for people."""
        self.options = options
        self.supervisor = Supervisor(options.data)
        self.endpoints: dict[str, str] = {}
        """URL by service, with the passwords of the stack's; and `siem_file`, a path."""
        self._stack = Stack(options.data, options.elsewhere, supervisor=self.supervisor)
        self._say = say
        self._connection: LogConnection | None = None
        self._settings = options.settings
        self._began = time.monotonic()

    async def start(self) -> None:
        """Returns when all that was asked for serves; when that fails, all of it is stopped again.

        Raises:
            CommandFailed: something could not be started. The message says what to do.
        """
        try:
            await self._start()
        except BaseException as failure:
            await self.stop()
            first = failure.exceptions[0] if isinstance(failure, BaseExceptionGroup) else failure
            if isinstance(first, _EXPECTED):
                raise CommandFailed(str(first)) from None
            raise

    async def stop(self) -> None:
        """Stops everything: who takes requests first, then who works them off, then the stack. Idempotent."""
        # callers are served to their end, so what the gateway needs goes after it
        await self.supervisor.stop_some({GATEWAY})
        await self.supervisor.stop_some({ADMIN, MOCK})
        if self._connection is not None:
            await self._drain(self._connection)
        await self.supervisor.stop_some({WORKERS, *PROCESSORS})
        if self._connection is not None:
            await self._connection.close()
            self._connection = None
        await self._stack.stop()

    def abandon(self) -> None:
        """Kills everything without waiting; the next start mends what that leaves."""
        self.supervisor.abandon()

    def seconds(self) -> float:
        """Since this was made."""
        return time.monotonic() - self._began

    async def _start(self) -> None:
        # the directory first: a port may still be held by a process that an earlier run left behind
        await self.supervisor.acquire()
        mock_port = self._choose_ports()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._start_stack())
            if self.options.processes:
                settings, connection = await self._prepare_log(mock_port)
                for name in self.options.processes:
                    tasks.create_task(self._start_process(processes.spec(name, settings, connection, mock_port)))
        self._say(f"all of it serves after {self.seconds():.1f} s")

    def _choose_ports(self) -> int:
        options, settings = self.options, self.options.settings
        book = PortBook(self.supervisor.directory / "run" / "ports.json")
        changed: dict[str, int] = {}
        if GATEWAY in options.processes:
            changed["gateway_port"] = choose(book, GATEWAY, options.gateway_port, GATEWAY_PORT)
        if ADMIN in options.processes:
            changed["admin_port"] = choose(book, ADMIN, options.admin_port, ADMIN_PORT)
        self._settings = msgspec.structs.replace(settings, **changed)
        return choose_mock(book, MOCK) if MOCK in options.processes else book.known(MOCK) or MOCK_PORT

    async def _start_stack(self) -> None:
        ours = [name for name in ("nats", "postgres", "valkey", "clickhouse") if name not in self.options.elsewhere]
        if ours:
            self._say(f"starting {', '.join(ours)}")
        await self._stack.start()
        self._say(f"{', '.join(ours) or 'the stack elsewhere'} serves after {self.seconds():.1f} s")
        if not self.options.processes:
            self._publish(self._stack.endpoints)

    async def _prepare_log(self, mock_port: int) -> tuple[Settings, LogConnection]:
        """Everything on the log that processes expect to be there, and the settings of them all."""
        nats_url = await self._stack.serving(NATS)
        found = self._stack.endpoints
        settings = self._settings = msgspec.structs.replace(
            self._settings,
            nats_url=nats_url,
            nats_monitor=self._stack.nats_monitor or self._settings.nats_monitor,
            postgres_url=found[POSTGRES],
            clickhouse_url=found[CLICKHOUSE],
            valkey_url=found[VALKEY],
        )
        self._connection = connection = await LogConnection.open(nats_url, "up", wait_s=LOG_S)
        await apply(connection, EMBEDDED, replicas=settings.replicas, partitions=settings.partitions)
        self._publish({**found, **self._own_urls(settings, mock_port)})
        return settings, connection

    async def _start_process(self, spec: ProcessSpec) -> None:
        for service in NEEDS.get(spec.name, ALL):
            await self._stack.serving(service)
        await self.supervisor.start([spec])
        self._say(f"{spec.name} serves after {self.seconds():.1f} s")

    def _own_urls(self, settings: Settings, mock_port: int) -> dict[str, str]:
        urls = {
            GATEWAY: processes.url(settings.gateway_host, settings.gateway_port),
            ADMIN: processes.url(settings.admin_host, settings.admin_port),
            MOCK: processes.url("127.0.0.1", mock_port),
        }
        return {
            **{name: url for name, url in urls.items() if name in self.options.processes},
            "siem_file": str(settings.data / "siem" / "events.ndjson"),
        }

    def _publish(self, endpoints: dict[str, str]) -> None:
        self.endpoints = endpoints
        write_private(self.options.data / ENDPOINTS_FILE, json.dumps(endpoints, indent=2) + "\n")

    async def _drain(self, connection: LogConnection) -> None:
        """Waits, with a bound, until the workers have taken what callers left on the log."""
        names = self.options.processes
        working = PROCESSORS if WORKERS in names else [name for name in names if name in PROCESSORS]
        with contextlib.suppress(TimeoutError, Unavailable, ApiError):
            async with asyncio.timeout(DRAIN_S):
                await serving.wait_drained(connection, working, self._settings.partitions)
