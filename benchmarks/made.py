"""Made-up traffic and configuration in the shapes that a gateway and the admin plane write. Bytes only, no sockets."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import msgspec

from schemas import codec, subjects
from schemas.aggregates.decider import Decider
from schemas.aggregates.tenant import Tenant, TenantCreated
from schemas.aggregates.virtual_key import DECIDER as KEY
from schemas.aggregates.virtual_key import VirtualKey, VirtualKeyIssued
from schemas.envelope import GENESIS, Fact
from schemas.facts import traffic
from schemas.ids import Ids, SystemClock
from schemas.screening.model import Hit

FACTS_A_REQUEST = 6
REQUESTS_A_SEGMENT = 32
"""What group commit makes of a busy gateway: about 190 facts."""
REQUEST_BYTES, RESPONSE_BYTES = 1_024, 512

Written = tuple[str, bytes, dict[str, str]]
"""Subject, payload and headers of a message."""


class Requests:
    """Facts of completed requests, everything on: bodies sealed, both directions screened, a budget."""

    def __init__(self, tenants: int = 4, keys: int = 50, hits: int = 0) -> None:
        """
        Args:
            hits: one of so many requests has findings; 0 for none.
        """
        self._clock = SystemClock()
        self._ids = Ids(self._clock)
        self._tenants = tenants
        self._keys = keys
        self._hits = hits
        self._count = 0

    def facts(self) -> list[Fact]:
        """The six facts of the next request."""
        number, self._count = self._count, self._count + 1
        tenant, key = f"tenant-{number % self._tenants}", f"key-{number % self._keys}"
        request, now, last = self._ids.new(), self._clock.now_us(), ""
        found = []
        found_of = _HITS if self._hits and number % self._hits == 0 else ()
        for data in _life(number, key, now, found_of):
            fact = codec.fact(
                data,
                id=self._ids.new(),
                time=now,
                tenant=tenant,
                actor=f"key:{key}",
                correlation=request,
                causation=last,
            )
            last = fact.id
            found.append(fact)
        return found


_HITS = (Hit("email.address", "flag", 0, 12, 30), Hit("payment-card.number", "redact", 1, 5, 24))


def _life(number: int, key: str, now: int, hits: tuple[Hit, ...] = ()) -> tuple[msgspec.Struct, ...]:
    subject = f"sub_{number % 200:032x}"
    return (
        traffic.RequestAccepted(
            key, "nvk_01234567", subject, "chat.completions", "mock/gpt-4o", False, REQUEST_BYTES, "overlapped", 42,
            _sealed(subject, REQUEST_BYTES),
        ),
        traffic.RequestScreened(
            "request", "redact" if hits else "approve", hits[-1].rule if hits else "", "builtin", hits, REQUEST_BYTES
        ),
        traffic.RequestRouted("default", "fallback", ("mock/gpt-4o",), (), 900, ("monthly",)),
        traffic.ProviderCalled(1, "mock", "gpt-4o", "ok", 200, 9_000, 12_000),
        traffic.RequestScreened("response", "approve", "", "builtin", (), RESPONSE_BYTES),
        traffic.RequestCompleted(
            key_id=key, key_prefix="nvk_01234567", subject=subject, operation="chat.completions",
            model_requested="mock/gpt-4o", account="mock", model="gpt-4o", route="default", status=200,
            action="approve", attempts=1, usage=traffic.Usage(120, 80), cost_micros=1_100, reserved_micros=900,
            budgets=("monthly",), started_us=now - 12_345, latency_us=12_345, first_byte_us=9_000,
            request_bytes=REQUEST_BYTES, response_bytes=RESPONSE_BYTES, finish_reason="stop", writer="gateway-1",
            boot="0190c5d0-0000-7000-8000-000000000000", body=_sealed(subject, RESPONSE_BYTES),
        ),
    )  # fmt: skip


def _sealed(subject: str, size: int) -> traffic.SealedBody:
    return traffic.SealedBody(subject, "1", bytes(12), os.urandom(size + 16), bytes(32), size)


def segments(facts: int, boot: str, each: int = REQUESTS_A_SEGMENT, hits: int = 0) -> Iterator[Written]:
    """About so many facts of TRAFFIC in the segments of one chain; `hits` as of `Requests`."""
    requests, previous, number = Requests(hits=hits), GENESIS, 0
    left = facts // FACTS_A_REQUEST
    while left > 0:
        some = [fact for _ in range(min(each, left)) for fact in requests.facts()]
        left -= len(some) // FACTS_A_REQUEST
        number += 1
        encoded = [codec.encode_fact(fact) for fact in some]
        payload = codec.encode_segment(subjects.traffic(0), "benchmark", boot, number, previous, encoded)
        previous = codec.segment_hash(payload)
        yield subjects.traffic(0), payload, {"Nats-Msg-Id": f"benchmark/{boot}/{number}"}


def keys(count: int, tenants: int = 1, hashes: Sequence[str] = ()) -> Iterator[Written]:
    """Tenants and so many virtual keys, spread over them evenly, as messages of CONFIG.

    Args:
        hashes: of the first keys, for those that are to be usable.
    """
    ids = Ids(SystemClock())
    for number in range(tenants):
        tenant = Tenant(id=_tenant(number))
        yield first(_TENANT, tenant.id, tenant.id, TenantCreated(tenant), ids)
    for number in range(count):
        text = hashes[number] if number < len(hashes) else os.urandom(32).hex()
        key = VirtualKey(
            id=f"key-{number:06d}",
            tenant=_tenant(number % tenants),
            hash=text,
            prefix=f"nvk_{text[:8]}",
            name=f"application {number}",
            owner=f"team-{number % 100}@example.org",
            models=("mock/*", "gpt-4o"),
            requests_per_minute=600,
        )
        yield first(KEY.name, key.tenant, key.id, VirtualKeyIssued(key), ids)


def first(aggregate: str, tenant: str, identifier: str, data: msgspec.Struct, ids: Ids) -> Written:
    """The first message of an aggregate."""
    subject = subjects.config(tenant, aggregate, identifier)
    fact = codec.fact(
        data,
        id=ids.new(),
        time=SystemClock().now_us(),
        tenant=tenant,
        actor="admin:benchmark",
        correlation=ids.new(),
    )
    payload = codec.encode_segment(subject, "benchmark", "boot", 1, GENESIS, [codec.encode_fact(fact)])
    return subject, payload, {"Nats-Msg-Id": f"benchmark/boot/{ids.new()}", "Nats-Expected-Last-Subject-Sequence": "0"}


def named(decider: Decider, spec: msgspec.Struct, ids: Ids) -> Written:
    """The first message of any aggregate that is created as a whole."""
    identifier: str = getattr(spec, "id")  # noqa: B009  every spec has one
    tenant: str = getattr(spec, "tenant", identifier)
    return first(decider.name, tenant, identifier, decider.facts[0](spec), ids)


_TENANT = "tenant"


def _tenant(number: int) -> str:
    return f"tenant-{number:05d}"
