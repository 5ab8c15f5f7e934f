"""Whether an acknowledgement of the log outlives a power cut, learnt from its servers. Changes nothing there."""

from __future__ import annotations

import asyncio
import logging
import urllib.request
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from projections.log.api import ApiError, call
from projections.log.connection import LogConnection
from projections.log.ending import end
from schemas.errors import Unavailable
from schemas.topology import EMBEDDED

_log = logging.getLogger(__name__)

_ANSWER_S = 2.0
_FIRST_S = 10.0
"""Bound of the first look, which a start waits for."""
AGAIN_S = 60.0
_LARGEST = 4 * 1024 * 1024


class Standing(msgspec.Struct, frozen=True):
    """What may be said of the log. Unknown counts as not durable: nothing is claimed that was not seen."""

    durable: bool
    reason: str = ""
    """Why not, and what to do; empty when durable."""


class _Config(msgspec.Struct):
    store_dir: str = ""
    sync_always: bool = False
    sync_interval: int = 0
    """Nanoseconds."""


class _Jetstream(msgspec.Struct):
    """Of `/jsz?config=1` (https://docs.nats.io, monitoring)."""

    server_id: str = ""
    disabled: bool = False
    config: _Config | None = None


_decode = msgspec.json.Decoder(_Jetstream).decode
_UNTOLD = Standing(
    False,
    "it is not known whether the log's server syncs what it acknowledges: name its monitoring address in "
    "NEXUS_NATS_MONITOR",
)


def judge_server(answer: bytes, at: str) -> tuple[str, str]:
    """(id of the server, why it is not durable or empty) from what its monitoring says.

    Args:
        answer: body of `/jsz?config=1`.
        at: the server's address, for the reason.
    """
    try:
        told = _decode(answer)
    except msgspec.MsgspecError:
        return "", f"what answers at {at} is no monitoring of a NATS server: check NEXUS_NATS_MONITOR"
    config = told.config
    if told.disabled or config is None or not config.store_dir:
        return told.server_id, f"the NATS server at {at} does not say how JetStream stores: give it a jetstream block"
    if not config.sync_always:
        every = f"{config.sync_interval / 1e9:g} s"
        return told.server_id, (
            f"the NATS server at {at} acknowledges before it syncs, which it does every {every}: set "
            "`sync_interval: always` in its jetstream block"
        )
    return told.server_id, ""


def judge_streams(configs: Sequence[dict[str, Any]]) -> str:
    """Why streams of these configurations are not durable; empty when all are."""
    for config in configs:
        name = config.get("name", "")
        if config.get("storage") != "file":
            return f"the stream {name} is kept in memory: it must have file storage"
        if config.get("persist_mode", "default") not in ("", "default"):
            return f"the stream {name} acknowledges before it has written: it must have the default persist mode"
    return ""


async def look(connection: LogConnection, monitors: str) -> Standing:
    """What the servers say now.

    Args:
        monitors: monitoring addresses (`http://host:8222`) of all servers of the log, separated by commas; one of them
            must be the server that `connection` goes to.
    """
    addresses = [address.strip().rstrip("/") for address in monitors.split(",") if address.strip()]
    if not addresses:
        return _UNTOLD
    servers = set()
    for address in addresses:
        at = urlsplit(address).netloc.rpartition("@")[2]
        try:
            answer = await asyncio.to_thread(_fetch, address)
        except (OSError, ValueError) as error:
            return Standing(
                False, f"the monitoring of the log's server at {at} gives no answer ({type(error).__name__})"
            )
        server, reason = judge_server(answer, at)
        if reason:
            return Standing(False, reason)
        servers.add(server)
    if connection.nc._server_info.get("server_id") not in servers:
        return Standing(False, "NEXUS_NATS_MONITOR is the monitoring of another server than the log is written to")
    return await _look_at_streams(connection)


async def _look_at_streams(connection: LogConnection) -> Standing:
    names = [stream.name for stream in EMBEDDED.streams]
    names += [f"KV_{bucket.name}" for bucket in EMBEDDED.buckets]
    names += [f"OBJ_{store.name}" for store in EMBEDDED.object_stores]
    configs = []
    for name in names:
        try:
            configs.append((await call(connection, f"STREAM.INFO.{name}", wait_s=_ANSWER_S))["config"])
        except (ApiError, Unavailable) as error:
            return Standing(False, f"how the stream {name} is stored cannot be learnt: {error}")
    reason = judge_streams(configs)
    return Standing(not reason, reason)


def _fetch(address: str) -> bytes:
    """In a thread. Raises OSError, ValueError."""
    if urlsplit(address).scheme not in ("http", "https"):
        raise ValueError("not an HTTP address")
    # a proxy has no business between a server and its monitoring
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{address}/jsz?config=1", timeout=_ANSWER_S) as answer:
        found: bytes = answer.read(_LARGEST)
        return found


class DurabilityWatch:
    """Looks at the start, after every return of the connection, and every minute: a server may come back changed."""

    def __init__(self, connection: LogConnection, monitors: str) -> None:
        self.standing = Standing(False, "not looked at yet")
        self._connection = connection
        self._monitors = monitors
        self._wake = asyncio.Event()
        self._remove = connection.listen(self._changed)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> DurabilityWatch:
        """Looks once, with a bound, and goes on looking until `close`."""
        try:
            async with asyncio.timeout(_FIRST_S):
                await self._look()
        except TimeoutError:
            self._tell(Standing(False, "the log's server did not say in time how it stores"))
        self._task = asyncio.get_running_loop().create_task(self._follow(), name="durability")
        return self

    async def close(self) -> None:
        self._remove()
        if self._task is not None:
            await end((self._task,))

    def _changed(self) -> None:
        if self._connection.connected:
            self._wake.set()

    async def _follow(self) -> None:
        while True:
            try:
                async with asyncio.timeout(AGAIN_S):
                    await self._wake.wait()
            except TimeoutError:
                pass  # nothing happened for a while: a look all the same
            self._wake.clear()
            await self._look()

    async def _look(self) -> None:
        self._tell(await look(self._connection, self._monitors))

    def _tell(self, standing: Standing) -> None:
        if standing == self.standing:
            return
        self.standing = standing
        if standing.durable:
            _log.info("the log is durable: what it acknowledges is synced")
        else:
            _log.warning(
                "the log is not durable: acknowledged facts may be lost in a power cut reason=%r", standing.reason
            )
