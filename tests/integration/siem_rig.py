"""A log with traffic and SIEM targets for tests: the worker in this process, and a receiver that does as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from processors.siem.app import run
from processors.siem.lines import Place
from projections.log import api
from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from projections.log.store import ConfigStore
from projections.vault import Vault, open_vault
from schemas import codec, subjects
from schemas.aggregates import siem_target
from schemas.aggregates.decider import Command, Put, Remove
from schemas.aggregates.siem_target import SiemTarget
from schemas.facts.traffic import TERMINALS
from schemas.ids import Ids, SystemClock
from schemas.ocsf.finding import is_finding
from schemas.ocsf.lines import place_of
from schemas.settings import Settings
from tests.integration.log_fixture import until
from tests.integration.working import working
from tests.unit.processors.siem.events import message

CLOCK = SystemClock()


class Rig:
    """Everything around the worker."""

    def __init__(self, connection: LogConnection, settings: Settings, vault: Vault) -> None:
        self.connection = connection
        self.settings = settings
        self.vault = vault
        self._store = ConfigStore(connection, CLOCK, Ids(CLOCK), writer="test")
        self._segments = 0

    @classmethod
    async def open(cls, connection: LogConnection, nats_url: str, data: Path) -> Rig:
        settings = Settings(nats_url=nats_url, data_dir=str(data), master_key="ab" * 32)
        return cls(connection, settings, await open_vault(settings, connection))

    async def target(self, id: str, **fields: Any) -> None:
        await self._handle(Put(SiemTarget(id=id, **({"tenant": "a"} | fields))), fields.get("tenant", "a"), id)

    async def remove(self, id: str, tenant: str = "a") -> None:
        await self._handle(Remove(), tenant, id)

    async def _handle(self, command: Command, tenant: str, id: str) -> None:
        decider = siem_target.DECIDER
        await self._store.handle(decider, tenant, id, command, actor="admin:test", correlation="test")

    async def traffic(self, tenants: str, times: int = 1, screened: str = "") -> None:
        """Appends segments, each with a terminal fact of every tenant named by a letter, and what rules did before."""
        for _ in range(times):
            self._segments += 1
            payload = message(self._segments, tenants, beats=1, screened=screened).payload
            ack = await api.publish(self.connection, "traffic.0", payload, {"Nats-Msg-Id": f"s-{self._segments}"})
            assert ack.error is None

    async def places(self, tenant: str | None = "a", first: int = 1) -> list[Place]:
        """Where the log has facts that are told."""
        return [
            (message.sequence, index)
            async for batch in StreamReader(self.connection, "TRAFFIC", start=first).batches(follow=False)
            for message in batch
            if message.payload[:1] != b"\xc1"
            for index, fact in enumerate(codec.decode_segment(message.payload).facts)
            if (fact.type in TERMINALS or is_finding(fact)) and tenant in (None, fact.tenant)
        ]

    async def exported(self, tenant: str) -> list[Place | None]:
        reader = StreamReader(self.connection, "EXPORT", subjects=(subjects.export(tenant),))
        return [place_of(message.payload) async for batch in reader.batches(follow=False) for message in batch]

    async def until_exported(self, tenant: str, expected: list[Place]) -> None:
        """Follows EXPORT until as many events are there, and compares all."""
        found: list[Place | None] = []
        reader = StreamReader(self.connection, "EXPORT", subjects=(subjects.export(tenant),))
        async with asyncio.timeout(20):
            async for batch in reader.batches():
                found += [place_of(message.payload) for message in batch]
                if len(found) >= len(expected):
                    break
        assert await self.exported(tenant) == found == expected

    def file(self, name: str) -> Path:
        return self.settings.data / "siem" / name

    def in_file(self, name: str) -> list[Place | None]:
        path = self.file(name)
        return [place_of(line) for line in path.read_bytes().split(b"\n")[:-1]] if path.exists() else []

    async def until_in_file(self, name: str, expected: list[Place]) -> None:
        """Waits for as many lines, and compares all."""
        await until(lambda: len(self.in_file(name)) >= len(expected), f"{len(expected)} lines in {name}")
        assert self.in_file(name) == expected

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        """The worker, stopped in order at the end."""
        async with working(lambda stop: run(self.settings, stop), end_s=20):
            yield


class Taken(msgspec.Struct):
    """A request that the receiver got."""

    key: str
    authorization: str
    content_type: str
    places: list[Place | None]
    tenants: set[str]


class Receiver:
    """An HTTP server that answers each batch with what `answer` says; 0 means never."""

    def __init__(self) -> None:
        self.requests: list[Taken] = []
        self.accepted: list[Taken] = []
        self.answer: Callable[[Taken], int] = lambda _: 200
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/events"

    async def __aenter__(self) -> Receiver:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=8 << 20)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.close()

    @property
    def places(self) -> list[Place | None]:
        """Of all accepted batches, one after the other."""
        return [place for taken in self.accepted for place in taken.places]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                headers = {
                    name.strip().lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])
                }
                body = await reader.readexactly(int(headers["content-length"]))
                events = [json.loads(line) for line in body.split(b"\n")[:-1]]
                taken = Taken(
                    headers["idempotency-key"],
                    headers.get("authorization", ""),
                    headers["content-type"],
                    [place_of(line) for line in body.split(b"\n")[:-1]],
                    {event["metadata"]["tenant_uid"] for event in events},
                )
                self.requests.append(taken)
                status = self.answer(taken)
                if status == 0:
                    await reader.read()
                    return
                if 200 <= status < 300:
                    self.accepted.append(taken)
                writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 2\r\n\r\nok".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._open.discard(writer)
            writer.close()
