"""A whole request through the gateway's pipeline without sockets: the provider, the log's server and the caller's
connection are stand-ins that answer at once, everything between them is the real thing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import uvloop
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ingress.gateway.authenticate import Authenticator
from ingress.gateway.calling import Calls
from ingress.gateway.circuits import Circuits
from ingress.gateway.door import Door
from ingress.gateway.hooks import Hooks
from ingress.gateway.identity import Identity
from ingress.gateway.limits import RateLimits
from ingress.gateway.parts import Credentials, Parts
from ingress.gateway.pipeline import Pipeline
from ingress.gateway.record import OpenRequests
from ingress.gateway.screening import Screening
from ingress.gateway.switches import Switches
from ingress.gateway.tokens import Tokens
from projections.live.state import TenantView
from projections.log.parser import BulkParser
from projections.log.writer import SegmentWriter
from projections.screening import Screener
from projections.valkey.lease import Reservation
from projections.vault.bodies import BodyVault
from projections.vault.data_keys import DataKey
from projections.vault.vault import Vault
from schemas.aggregates.budget import Budget
from schemas.aggregates.credential import Credential
from schemas.aggregates.model import Model, Prices
from schemas.aggregates.provider import Provider
from schemas.aggregates.route import Route
from schemas.aggregates.tenant import Tenant
from schemas.aggregates.virtual_key import VirtualKey
from schemas.ids import Clock, Ids
from schemas.settings import Settings

TENANT = "tenant"
KEY = "nvk_" + "0" * 64


class _Client:
    """Of the log: takes a subscription, has no server behind it."""

    max_payload = 1024 * 1024
    is_closed = False

    def __init__(self) -> None:
        self._ps = BulkParser(cast("Any", self))

    def new_inbox(self) -> str:
        return "_INBOX.benchmark"

    async def subscribe(self, subject: str, **_: Any) -> Any:
        return SimpleNamespace(_id=1)

    async def request(self, *_: Any, **__: Any) -> Any:
        return SimpleNamespace(data=b'{"state":{"last_seq":0}}')


class _Log:
    """A connection whose server acknowledges every segment in the next turn of the loop."""

    connected = True
    disconnected_since = 0.0

    def __init__(self) -> None:
        self.nc = _Client()
        self.stored = 0

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        return lambda: None

    async def wait_connected(self) -> None:
        return

    def send(self, subject: str, reply: str, msg_id: str, payload: bytes) -> bool:
        self.stored += 1
        answer = b'{"stream":"TRAFFIC","seq":%d}' % self.stored
        asyncio.get_running_loop().call_soon(self.nc._ps.takers[b"1"], reply.encode(), b"", b"", answer)
        return True


class _Caller:
    """A connection that takes what is written."""

    closed = congested = False
    date = "Fri, 20 Nov 2026 20:00:00 GMT"
    address = "127.0.0.1"

    def __init__(self) -> None:
        self.answer = b""

    def write(self, data: bytes) -> None:
        self.answer = data

    def write_all(self, pieces: Sequence[bytes]) -> None:
        self.answer = b"".join(pieces)

    async def drained(self) -> None:
        raise AssertionError("it is never congested")


class _Provider:
    """Answers every call with the same bytes."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    async def send(
        self, provider: Provider, path: str, headers: list[tuple[str, str]], body: bytes, *, client_key: str = ""
    ) -> bytes:
        return self._answer


class _Leases:
    """A budget that is never used up."""

    def reserve_now(self, tenant: str, budgets: tuple[Budget, ...], want: int, *, at_us: int) -> Any:
        return Reservation(want, tuple(budget.id for budget in budgets))

    def settle(self, reservation: Reservation, cost_micros: int) -> None:
        reservation.settle(cost_micros, 1.0)


def exchange(screener: Screener, clock: Clock, prompt: str, requests: int) -> Callable[[], None]:
    """A call that sends so many requests through, one after the other, as tasks of one run of the loop."""
    loop = uvloop.new_event_loop()
    wait: Callable[[Coroutine[Any, Any, Any]], Any] = loop.run_until_complete
    pipeline = wait(_started(screener, clock))
    body = msgspec.json.encode({"model": "mock/gpt-4o", "messages": [{"role": "user", "content": prompt}]})
    headers = {
        b"host": b"127.0.0.1",
        b"authorization": b"Bearer " + KEY.encode(),
        b"content-type": b"application/json",
        b"content-length": b"%d" % len(body),
    }

    async def one() -> None:
        caller = _Caller()
        door = Door(caller, "POST", "/v1/chat/completions", headers, modern=True, keep=True)
        door.feed(body)
        door.complete()
        await pipeline.chat_completions(door, {})
        door.finish()
        assert caller.answer.startswith(b"HTTP/1.1 200 "), caller.answer[:500]

    async def all_of_them() -> None:
        for _ in range(requests):
            await loop.create_task(one())

    def call() -> None:
        wait(all_of_them())

    return call


async def _started(screener: Screener, clock: Clock) -> Pipeline:
    log, ids, vault = cast("Any", _Log()), Ids(clock), Vault(bytes(32))
    bodies = BodyVault(log, vault, clock=clock)
    opened = OpenRequests("gateway-1", ids.new())
    writer = SegmentWriter(
        log,
        clock,
        ids,
        stream="TRAFFIC",
        writer="gateway-1",
        boot=opened.boot,
        queue_bytes=64 * 1024 * 1024,
        segment_bytes=1024 * 1024,
        open_requests=lambda: opened.count,
        # by the machine's clock nobody could say with which request the last facts of the one before leave
        linger_s=3_600.0,
    )
    await writer.start()
    subject = vault.pseudonym(TENANT, "caller")
    bodies._keys._known[TENANT, subject] = DataKey("1", AESGCM(bytes(32)), clock.monotonic())
    key = VirtualKey(id="caller", tenant=TENANT, hash=vault.hash_key(KEY), prefix=KEY[:12])
    configuration = cast("Any", SimpleNamespace(keys_by_hash={key.hash: key}, tenants={TENANT: _tenant(vault)}))
    configuration.sequence = 1
    completion = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "gpt-4o",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "This is the answer of the model. " * 6},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 128, "completion_tokens": 42, "total_tokens": 170},
    }
    provider = cast("Any", _Provider(msgspec.json.encode(completion)))
    parts = Parts(
        settings=Settings(nats_url="", data_dir=str(Path())),
        clock=clock,
        ids=ids,
        configuration=configuration,
        authenticator=Authenticator(configuration, vault.hash_key),
        limits=RateLimits(clock.monotonic),
        switches=Switches(configuration, clock),
        screening=Screening(screener, log),
        hooks=Hooks(Screening(screener, log), clock, {}),
        circuits=Circuits(clock.monotonic),
        calls=Calls(provider, Identity(provider, Tokens(clock.monotonic), clock, {}, "")),
        leases=cast("Any", _Leases()),
        vault=vault,
        bodies=bodies,
        credentials=Credentials(vault),
        writers=[writer],
        opened=opened,
        durability=cast("Any", None),
    )
    return Pipeline(parts)


def _tenant(vault: Vault) -> TenantView:
    view = TenantView(TENANT)
    view.put("tenant", TENANT, Tenant(id=TENANT))
    sealed = vault.seal_secret("credential", TENANT, "mock", "sk-mock")
    view.put("credential", "mock", Credential(id="mock", tenant=TENANT, sealed=sealed))
    base_url = "http://127.0.0.1:1/v1"
    view.put("provider", "mock", Provider(id="mock", tenant=TENANT, base_url=base_url, credential="mock"))
    prices = Prices(input=2_500_000, output=10_000_000)
    view.put("model", "mock/gpt-4o", Model(id="mock/gpt-4o", tenant=TENANT, prices=prices))
    view.put("budget", "all", Budget(id="all", tenant=TENANT, limit_micros=10**15))
    view.put("route", "default", Route(id="default", tenant=TENANT))
    return view
