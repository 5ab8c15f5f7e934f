"""Keeps one `Forward` running for every enabled target of the configuration, whatever happens to the others."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from nats.errors import Error as NatsError

from processors.siem.birth import Birth, birth_of
from processors.siem.export import ExportSink
from processors.siem.file import FileSink
from processors.siem.forward import LEAVE_S, Forward
from processors.siem.http import HttpSink
from processors.siem.positions import Positions
from processors.siem.sink import Parked, Sink
from projections.live.config import LiveConfig
from projections.live.state import Changed
from projections.log.api import ApiError
from projections.log.connection import LogConnection
from projections.log.ending import end
from projections.log.tail import Tails
from projections.vault import Vault
from projections.vault.errors import NotAuthentic
from schemas.aggregates.siem_target import SiemTarget
from schemas.errors import Unavailable

log = logging.getLogger(__name__)

Name = tuple[str, str]
"""Tenant and id."""
FIRST_RETRY_S, LAST_RETRY_S = 0.2, 30.0


class Targets:
    """All targets of one process."""

    def __init__(self, connection: LogConnection, vault: Vault, directory: Path, tails: Tails | None = None) -> None:
        """
        Args:
            directory: of the files.
            tails: what the workers of a process read together.
        """
        self.running: dict[Name, Forward] = {}
        """Those that work at the moment."""
        self._connection = connection
        self._vault = vault
        self._directory = directory
        self._tails = tails or Tails("", connection)
        self._positions = Positions(connection)
        self._changed = asyncio.Event()
        self._tasks: dict[Name, tuple[SiemTarget, asyncio.Task[None]]] = {}

    def changed(self, changed: Changed) -> None:
        """To be told of every change of the configuration."""
        if changed.aggregate == "siem-target":
            self._changed.set()

    async def run(self, live: LiveConfig, stop: asyncio.Event) -> None:
        """Follows the configuration until `stop` is set; then every target ends where it is."""
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                self._changed.clear()
                await self._arrange({(spec.tenant, spec.id): spec for spec in live.all_of("siem-target")})
                changed = asyncio.create_task(self._changed.wait())
                await asyncio.wait({changed, stopped}, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
        finally:
            stopped.cancel()
            await self._arrange({})

    async def _arrange(self, wanted: dict[Name, SiemTarget]) -> None:
        ending = []
        for name, (spec, task) in list(self._tasks.items()):
            if wanted.get(name) != spec or not spec.enabled:
                ending.append(task)
                del self._tasks[name]
        await end(ending, again_s=2 * LEAVE_S)
        for name, spec in wanted.items():
            if spec.enabled and name not in self._tasks:
                work = asyncio.create_task(self._keep(name, spec), name=f"siem {spec.tenant}/{spec.id}")
                self._tasks[name] = (spec, work)

    async def _keep(self, name: Name, spec: SiemTarget) -> None:
        """Forwards to one target for ever; what goes wrong with it stays here."""
        label = f"{spec.tenant}/{spec.id}"
        delay = FIRST_RETRY_S
        while True:
            wait = delay
            try:
                await self._once(name, spec)
            except Parked as reason:
                wait = LAST_RETRY_S
                log.error("event=siem_target_parked target=%s reason=%s", label, reason)
            except (Unavailable, ApiError, NatsError, OSError, TimeoutError) as error:
                log.warning("event=siem_target_failed target=%s error=%s: %s", label, type(error).__name__, error)
            except Exception:
                # a defect in serving one target is no reason to keep all others waiting
                log.exception("event=siem_target_broken target=%s", label)
            finally:
                forward = self.running.pop(name, None)
            delay = FIRST_RETRY_S if forward is not None and forward.sent else min(delay * 2, LAST_RETRY_S)
            await asyncio.sleep(wait)

    async def _once(self, name: Name, spec: SiemTarget) -> None:
        birth = await birth_of(self._connection, spec.tenant, spec.id)
        if birth is None:
            raise Parked("its creation is not on the log")
        sink = self._sink(spec, birth)
        forward = Forward(self._connection, self._tails, self._positions, spec, birth, sink)
        self.running[name] = forward
        try:
            await forward.run()
        finally:
            await sink.close()

    def _sink(self, spec: SiemTarget, birth: Birth) -> Sink:
        match spec.kind:
            case "file":
                return FileSink(self._directory, spec.file, birth.life)
            case "http":
                return HttpSink(f"{spec.tenant}/{spec.id}", spec.url, self._token(spec))
            case "stream":
                return ExportSink(self._connection, spec.tenant, spec.id)
        raise Parked(f"there is no kind {spec.kind}")

    def _token(self, spec: SiemTarget) -> str:
        if spec.token is None:
            return ""
        try:
            return self._vault.open_secret("siem-target", spec.tenant, spec.id, spec.token)
        except NotAuthentic as error:
            raise Parked(str(error)) from None
