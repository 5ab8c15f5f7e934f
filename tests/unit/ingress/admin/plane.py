"""The admin plane over a log in memory, called through its real web application without sockets. For tests only."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ingress.admin.auth import Authenticator, Principal
from ingress.admin.commands import Tools
from ingress.admin.freshness import Freshness
from ingress.admin.intake import intakes
from ingress.admin.model_lists import ModelLists
from ingress.admin.routes import build_application, collection_endpoints
from ingress.admin.wire import Door, Endpoint
from ingress.discovery.asking import NotListed
from ingress.discovery.refreshing import Discovery
from projections.live.state import LiveState
from schemas import subjects
from schemas.aggregates.credential import SealedSecret
from schemas.aggregates.decider import Command, Decider, State
from schemas.aggregates.model_list import ModelList
from schemas.aggregates.provider import Provider
from schemas.codec import encode_fact, encode_segment, fact
from schemas.envelope import GENESIS, Fact
from schemas.errors import Conflict
from schemas.facts.ops import ModelListFailed
from schemas.ids import Ids, SystemClock

KEY = "nxa_" + "5" * 64
SCOPED_KEY = "nxa_" + "6" * 64
"""Of an administrator of the tenant `acme` alone."""


RULES = frozenset({"pii.email", "pii.phone", "secrets.aws-key"})


class Loaded(msgspec.Struct):
    state: State
    version: int
    sequence: int


class MemoryLog:
    """An event store that keeps its messages in a list and folds them into the live state at once."""

    def __init__(self) -> None:
        self.live = LiveState()
        self.messages: list[tuple[str, bytes]] = []
        self.facts: list[Fact] = []
        self.interrupt: Any = None
        """Called between a decision and its append: what somebody else does at the same time."""
        self._ids = Ids(SystemClock())

    async def wait_for(self, sequence: int, timeout: float | None) -> bool:  # noqa: ASYNC109
        return self.live.sequence >= sequence

    async def reached(self, sequence: int, wait_s: float) -> bool:
        return self.live.sequence >= sequence

    async def load(self, decider: Decider, tenant: str, id: str) -> Loaded:
        version, sequence = self.live.version_of(decider.name, tenant, id)
        return Loaded(self.live.state_of(decider.name, tenant, id), version, sequence)

    async def handle(
        self,
        decider: Decider,
        tenant: str,
        id: str,
        command: Command,
        *,
        actor: str,
        correlation: str,
        expected: int | None = None,
    ) -> Loaded:
        if self.interrupt is not None:
            interrupt, self.interrupt = self.interrupt, None
            await interrupt()
        loaded = await self.load(decider, tenant, id)
        if expected is not None and expected != loaded.sequence:
            raise Conflict("changed by someone else at the same time; read it again")
        decided = decider.decide(command, loaded.state)
        if not decided:
            return loaded
        facts = [
            fact(data, id=self._ids.new(), time=1, tenant=tenant, actor=actor, correlation=correlation)
            for data in decided
        ]
        subject = subjects.config(tenant, decider.name, id)
        payload = encode_segment(
            subject, "admin", "1", loaded.version + 1, GENESIS, [encode_fact(value) for value in facts]
        )
        self.facts += facts
        self.messages.append((subject, payload))
        self.live.apply(len(self.messages), subject, payload)
        return await self.load(decider, tenant, id)


class View:
    """The live state of a log, with the waiting that the real one has."""

    def __init__(self, log: MemoryLog) -> None:
        self.state_of = log.live.state_of
        self.all_of = log.live.all_of
        self.version_of = log.live.version_of
        self.wait_for = log.wait_for
        self.keys_by_hash = log.live.keys_by_hash
        self.revoked_hashes = log.live.revoked_hashes


class ReversibleVault:
    """Reversible, and different each time, as the real one: enough to see what is sealed when."""

    def __init__(self) -> None:
        self.sealed = 0

    def seal_secret(self, kind: str, tenant: str, id: str, clear: str) -> SealedSecret:
        self.sealed += 1
        data = f"{kind}\0{tenant}\0{id}\0{clear}".encode()
        return SealedSecret("test", self.sealed.to_bytes(12, "big"), bytes(byte ^ 0x5A for byte in data) + b"\0" * 16)

    def open_secret(self, kind: str, tenant: str, id: str, sealed: SealedSecret) -> str:
        text = bytes(byte ^ 0x5A for byte in sealed.ciphertext[:-16]).decode()
        prefix = f"{kind}\0{tenant}\0{id}\0"
        assert text.startswith(prefix)
        return text.removeprefix(prefix)

    def hash_key(self, text: str) -> str:
        return hmac.new(b"pepper", text.encode(), hashlib.sha256).hexdigest()

    def pseudonym(self, tenant: str, user: str) -> str:
        return "sub_" + hashlib.sha256(f"{tenant}\0{user}".encode()).hexdigest()[:32]


class Reply(msgspec.Struct):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def error(self) -> dict[str, Any]:
        found = self.json["error"]
        assert set(found) == {"message", "type", "code", "param"}
        return dict(found)


class Plane:
    """The whole control plane for configuration."""

    def __init__(
        self, extra: list[Endpoint] | None = None, body_timeout_s: float = 5.0, log: MemoryLog | None = None
    ) -> None:
        self.log = log or MemoryLog()
        self.vault = ReversibleVault()
        keys = {KEY: Principal("root"), SCOPED_KEY: Principal("ann", frozenset({"acme"}))}
        clock = SystemClock()
        door = Door(Authenticator(keys), Freshness({"CONFIG": self.log}), clock, Ids(clock), body_timeout_s)
        view = View(self.log)
        tools = Tools(self.log, view, self.vault, RULES)
        self.endpoints = [
            endpoint for intake in intakes().values() for endpoint in collection_endpoints(intake, tools, view)
        ]
        self.listed: dict[str, ModelList] = {}
        """What providers say, by account; nothing of the others can be had."""
        self.alerts: list[ModelListFailed] = []
        discovery = Discovery(
            self._ask, self.log, view, lambda _, alert, __: self.alerts.append(alert), clock, Ids(clock), 0.0
        )
        self.lists = ModelLists(discovery, view)
        self.endpoints += self.lists.endpoints()
        self.application = build_application([*self.endpoints, *(extra or [])], door)

    async def _ask(self, provider: Provider) -> ModelList:
        if provider.id not in self.listed:
            raise NotListed("connect")
        return self.listed[provider.id]

    async def start(self) -> Plane:
        await self.application.start()  # type: ignore[no-untyped-call]
        return self

    async def call(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        key: str | None = KEY,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """One request. `target` is the path with its query, percent-encoded as it would be on the wire."""
        parts = urlsplit(target)
        sent = {"host": "admin", **(headers or {})}
        if key is not None:
            sent.setdefault("authorization", f"Bearer {key}")
        content = raw if raw is not None else (b"" if body is None else msgspec.json.encode(body))
        if content:
            sent.setdefault("content-type", "application/json")
        scope = {
            "type": "http",
            "method": method,
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
            "http_version": "1.1",
            "scheme": "http",
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
        }
        pieces = [content[at : at + 65536] for at in range(0, len(content), 65536)] or [b""]
        events: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

        async def send(event: dict[str, Any]) -> None:
            events.append(event)

        await self.application(scope, receive, send)
        start = events[0]
        return Reply(
            start["status"],
            {name.decode().lower(): value.decode() for name, value in start["headers"]},
            b"".join(event.get("body", b"") for event in events[1:]),
        )

    async def given(self, *made: tuple[str, dict[str, Any]]) -> None:
        """Creates what a test builds on: collection and body."""
        for collection, body in made:
            reply = await self.call("POST", f"/api/admin/{collection}", body)
            assert reply.status == 201, reply.body


SMALL = (
    ("tenants", {"id": "acme"}),
    ("credentials", {"id": "main", "secret": "sk-very-secret"}),
    ("providers", {"id": "mock", "base_url": "http://127.0.0.1:1/v1", "credential": "main"}),
    ("models", {"id": "mock/gpt-4o", "prices": {"input": 2_500_000, "output": 10_000_000}}),
    ("policies", {"id": "strict"}),
    ("routes", {"id": "default", "targets": [{"account": "mock", "model": "gpt-4o"}], "policy": "strict"}),
)
"""A small tenant with one of most things."""
