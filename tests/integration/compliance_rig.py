"""A log with requests whose bodies are kept, and the compliance worker in this process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from processors.compliance.app import run
from projections.log import api
from projections.log.connection import LogConnection
from projections.log.reader import StreamReader, last_sequence
from projections.log.store import ConfigStore
from projections.vault import BodyVault, Vault, open_vault
from schemas import codec, subjects
from schemas.aggregates.catalogue import BY_NAME
from schemas.aggregates.decider import Put
from schemas.aggregates.policy import Policy
from schemas.aggregates.route import Route
from schemas.envelope import Fact
from schemas.facts.traffic import RequestAccepted, RequestCompleted, RequestScreened, SealedBody
from schemas.ids import Ids, SystemClock
from schemas.settings import Settings
from tests.integration.working import working

CLOCK = SystemClock()
CARD = "pay with 4111 1111 1111 1111 please"
MAIL = "write to jane.doe@example.com"


def request_body(text: str) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()


def answer_body(text: str) -> bytes:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()


def stream_record(*texts: str) -> bytes:
    lanes = {str(number): text for number, text in enumerate(texts)}
    return json.dumps({"object": "chat.completion.stream", "finish_reason": "stop", "texts": lanes}).encode()


class Rig:
    """Everything around the worker."""

    def __init__(self, connection: LogConnection, settings: Settings, vault: Vault) -> None:
        self.connection = connection
        self.settings = settings
        self.bodies = BodyVault(connection, vault)
        self.ids = Ids(CLOCK)
        self._store = ConfigStore(connection, CLOCK, self.ids, writer="test")
        self._segments = 0

    @classmethod
    async def open(cls, connection: LogConnection, nats_url: str, data: Path) -> Rig:
        settings = Settings(nats_url=nats_url, data_dir=str(data), master_key="cd" * 32)
        return cls(connection, settings, await open_vault(settings, connection))

    async def put(self, spec: Route | Policy) -> None:
        decider = BY_NAME["route" if isinstance(spec, Route) else "policy"]
        await self._store.handle(decider, spec.tenant, spec.id, Put(spec), actor="admin:test", correlation="test")

    async def route(self, placement: str = "observe", **fields: Any) -> None:
        await self.put(Route(id="r", tenant="a", placement=placement, **fields))

    async def sealed(self, request: str, part: str, body: bytes | None) -> SealedBody | None:
        return None if body is None else await self.bodies.seal("a", "sub_1", request, part, body)

    async def accepted(self, body: bytes | None) -> Fact:
        """A request comes in now."""
        request = self.ids.new()
        at = await last_sequence(self.connection, "CONFIG")
        data = RequestAccepted(
            "k", "nvk_1", "sub_1", "chat.completions", "m", False, 1, "overlapped", at,
            await self.sealed(request, "request", body),
        )  # fmt: skip
        return self.fact(data, request)

    async def ended(self, accepted: Fact, body: bytes | None, **fields: Any) -> Fact:
        """And is over now."""
        request = accepted.correlation
        usual: dict[str, Any] = {"route": "r", "status": 200}
        end = RequestCompleted(**(usual | fields), body=await self.sealed(request, "response", body))
        return self.fact(end, request)

    async def request(self, asked: bytes | None, answered: bytes | None, **fields: Any) -> Fact:
        """A whole request in one segment; its accepted-fact."""
        accepted = await self.accepted(asked)
        await self.append(accepted, await self.ended(accepted, answered, **fields))
        return accepted

    async def append(self, *facts: Fact) -> int:
        self._segments += 1
        encoded = [codec.encode_fact(fact) for fact in facts]
        payload = codec.encode_segment("traffic.0", "w", "b", self._segments, bytes(32), encoded)
        return await self.append_raw(payload)

    async def append_raw(self, payload: bytes) -> int:
        ack = await api.publish(self.connection, "traffic.0", payload, {})
        assert ack.error is None
        return ack.seq

    async def said(self) -> list[tuple[Fact, RequestScreened]]:
        """Everything on DECISIONS by this worker."""
        reader = StreamReader(self.connection, "DECISIONS", subjects=(subjects.decisions("compliance", "a"),))
        found = []
        async for batch in reader.batches(follow=False):
            for message in batch:
                for fact in codec.decode_segment(message.payload).facts:
                    data = codec.open_fact(fact)
                    assert isinstance(data, RequestScreened)
                    found.append((fact, data))
        return found

    async def until_said(self, count: int) -> None:
        """Waits for so many facts of this worker."""
        reader = StreamReader(self.connection, "DECISIONS", subjects=(subjects.decisions("compliance", "a"),))
        async with asyncio.timeout(20):
            async for batch in reader.batches():
                count -= sum(len(codec.decode_segment(message.payload).facts) for message in batch)
                if count <= 0:
                    return

    async def handled(self) -> None:
        """Waits until the worker has acknowledged all there is."""
        goal = await last_sequence(self.connection, "TRAFFIC")
        async with asyncio.timeout(20):
            while True:
                info = await api.call(self.connection, "CONSUMER.INFO.TRAFFIC.compliance")
                if info["ack_floor"]["stream_seq"] >= goal:
                    return

    def fact(self, data: msgspec.Struct, request: str) -> Fact:
        return codec.fact(data, id=self.ids.new(), time=CLOCK.now_us(), tenant="a", actor="key:k", correlation=request)

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        """The worker, stopped in order at the end."""
        async with working(lambda stop: run(self.settings, stop)):
            yield
