"""The embedded stack as one thing: which services to start, on which ports, and the URLs they are reached at."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

from ops.stack import clickhouse, health, nats, postgres, valkey
from ops.stack.credentials import Secrets, private_directory
from ops.stack.ports import PortBook
from ops.stack.process import Backoff, ProcessSpec, StartFailed
from ops.stack.supervisor import Supervisor

log = logging.getLogger(__name__)

NATS, POSTGRES, POSTGRES_ADMIN, VALKEY, CLICKHOUSE = "nats", "postgres", "postgres_admin", "valkey", "clickhouse"
NATS_MONITOR = "nats_monitor"
ENDPOINTS = (NATS, POSTGRES, POSTGRES_ADMIN, VALKEY, CLICKHOUSE)
EXTERNAL_TIMEOUT = 30.0  # seconds a service that is not ours gets to answer

_CHECKS: Mapping[str, Callable[[str], Awaitable[None]]] = {
    NATS: health.check_nats,
    POSTGRES: health.check_postgres,
    POSTGRES_ADMIN: health.check_postgres,
    VALKEY: health.check_valkey,
    CLICKHOUSE: health.check_clickhouse,
}


class Stack:
    """NATS, PostgreSQL, Valkey and ClickHouse under ``data_dir``.

    ``overrides`` names services (of ENDPOINTS) that run elsewhere by their URL: those are checked, not started; without
    an URL for ``postgres_admin`` that of ``postgres`` serves both. Further processes may be started with ``supervisor``
    once the stack stands; ``stop`` ends them first.
    """

    def __init__(
        self,
        data_dir: Path,
        overrides: Mapping[str, str] | None = None,
        *,
        supervisor: Supervisor | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self.overrides = dict(overrides or {})
        if unknown := self.overrides.keys() - set(ENDPOINTS):
            raise ValueError(f"unknown services {sorted(unknown)}: the known ones are {', '.join(ENDPOINTS)}")
        if POSTGRES in self.overrides:
            self.overrides.setdefault(POSTGRES_ADMIN, self.overrides[POSTGRES])
        elif POSTGRES_ADMIN in self.overrides:
            raise ValueError("an URL for postgres_admin needs one for postgres")
        self.supervisor = supervisor or Supervisor(data_dir, backoff)
        self.data_dir = self.supervisor.directory
        self._endpoints: dict[str, str] = {}
        self.nats_monitor = ""
        """Where our own NATS server says how it stores; empty before the start, and when NATS runs elsewhere."""
        self._served = {name: asyncio.Event() for name in ENDPOINTS}

    @property
    def endpoints(self) -> dict[str, str]:
        """Service name to URL, with user and password in it. Empty before the start."""
        return dict(self._endpoints)

    async def start(self) -> None:
        """Start or check every service at the same time; return when all of them serve.

        Raises StartFailed, AlreadyRunning (another supervisor has the directory), ServiceNotInstalled.
        """
        started = time.monotonic()
        await self.supervisor.acquire()
        try:
            specs, self._endpoints = self._plan()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.supervisor.start(specs))
                for name, url in self.overrides.items():
                    tasks.create_task(self._check_elsewhere(name, url))
        except BaseExceptionGroup as failures:
            await self.stop()
            raise failures.exceptions[0] from None
        except BaseException:
            await self.stop()
            raise
        log.info("event=stack_ready seconds=%.2f", time.monotonic() - started)

    async def serving(self, name: str) -> str:
        """The URL of one service as soon as it serves, while ``start`` goes on with the others."""
        await self._served[name].wait()
        return self._endpoints[name]

    async def stop(self) -> None:
        """Stop everything under the supervisor, the last started first. Idempotent."""
        await self.supervisor.stop()

    def _plan(self) -> tuple[list[ProcessSpec], dict[str, str]]:
        root = private_directory(self.data_dir)
        secrets, ports = Secrets(root / "secrets"), PortBook(root / "run" / "ports.json")
        specs: list[ProcessSpec] = []
        endpoints: dict[str, str] = {}
        if NATS not in self.overrides:
            port, password = ports.port(NATS), secrets.get(NATS)
            monitor = ports.port(NATS_MONITOR)
            specs.append(nats.spec(root / "nats", port, password, monitor))
            self.nats_monitor = nats.monitor_url(monitor)
            endpoints[NATS] = nats.url(port, password)
        if POSTGRES not in self.overrides:
            port, password, admin = ports.port(POSTGRES), secrets.get(POSTGRES), secrets.path(POSTGRES_ADMIN)
            specs.append(postgres.spec(root / "postgres", port, admin, password))
            endpoints[POSTGRES] = postgres.url(port, postgres.ROLE, password)
            endpoints[POSTGRES_ADMIN] = postgres.url(port, postgres.SUPERUSER, secrets.get(POSTGRES_ADMIN))
        if VALKEY not in self.overrides:
            port, password = ports.port(VALKEY), secrets.get(VALKEY)
            specs.append(valkey.spec(root / "valkey", port, password))
            endpoints[VALKEY] = valkey.url(port, password)
        if CLICKHOUSE not in self.overrides:
            port, password_file = ports.port(CLICKHOUSE), secrets.path(CLICKHOUSE)
            specs.append(clickhouse.spec(root / "clickhouse", port, password_file))
            endpoints[CLICKHOUSE] = clickhouse.url(port, secrets.get(CLICKHOUSE))
        watched = [replace(spec, ready=self._noting(spec)) for spec in specs]
        return watched, {name: {**endpoints, **self.overrides}[name] for name in ENDPOINTS}

    def _noting(self, spec: ProcessSpec) -> Callable[[], Awaitable[None]]:
        """The health check of a service of ours, which also tells those who wait for it."""

        async def ready() -> None:
            await spec.ready()
            self._served[spec.name].set()
            if spec.name == POSTGRES:
                self._served[POSTGRES_ADMIN].set()

        return ready

    async def _check_elsewhere(self, name: str, url: str) -> None:
        await _wait_for(name, url)
        self._served[name].set()


async def _wait_for(name: str, url: str) -> None:
    """Wait for a service that somebody else runs. Raises StartFailed; the URL may hold a password and is not told."""
    error: Exception | None = None
    try:
        async with asyncio.timeout(EXTERNAL_TIMEOUT):
            while True:
                try:
                    return await _CHECKS[name](url)
                except Exception as failure:
                    error = failure
                await asyncio.sleep(0.2)
    except TimeoutError:
        kind = type(error).__name__ if error is not None else "no answer"
        raise StartFailed(
            f"{name} did not answer at the URL given for it ({kind}): check the URL, its password and that it runs"
        ) from None
