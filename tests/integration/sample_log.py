"""Made-up traffic for tests of views: segments as a gateway writes them, numbered as the log numbers them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from projections.log.reader import Message
from schemas.codec import encode_fact, encode_segment, fact
from schemas.envelope import GENESIS, Fact
from schemas.facts.traffic import (
    RequestAborted,
    RequestAccepted,
    RequestCompleted,
    RequestRefused,
    RequestScreened,
    SealedBody,
    Terminal,
    Usage,
)
from schemas.ids import Clock, Ids
from schemas.screening.model import Hit

START_US = 1_795_000_000_000_000
"""2026-11-18, some time of the day."""
_KINDS: tuple[type[Terminal], ...] = (RequestCompleted, RequestRefused, RequestAborted)


class SteadyClock:
    """A clock that only moves when it is told to."""

    def __init__(self, now_us: int = START_US) -> None:
        self.us = now_us

    def now_us(self) -> int:
        return self.us

    def monotonic(self) -> float:
        return self.us / 1e6


class Traffic:
    """Makes facts of requests one after the other; equal for equal numbers, but for the random bits of the ids."""

    def __init__(self, *, step_us: int = 1_000, clock: Clock | None = None) -> None:
        """
        Args:
            step_us: between two requests.
            clock: instead of one that only moves by these steps.
        """
        self._steady = SteadyClock()
        self.clock: Clock = clock or self._steady
        self.ids = Ids(self.clock)
        self._step_us = step_us
        self._count = 0

    def request(self, *, tenant: str = "", hits: int = 0, cost: int | None = None) -> list[Fact]:
        """The facts of one request: accepted, screened, and how it ended."""
        number, self._count = self._count, self._count + 1
        self._steady.us += self._step_us
        now_us = self.clock.now_us()
        tenant = tenant or f"tenant-{number % 3}"
        request = self.ids.new()
        found = tuple(Hit("pii.email", "redact", 0, 10 * place, 10 * place + 5) for place in range(hits))
        end = _KINDS[number % 3](
            key_id=f"key-{number % 5}",
            key_prefix="nvk_00000000",
            subject=f"sub_{number % 7}",
            operation="chat",
            model_requested="mock/gpt-4o",
            account="mock",
            model="gpt-4o" if number % 2 else "gpt-4o-mini",
            route="default",
            stream=bool(number % 2),
            stage="" if number % 3 != 1 else "route",
            status=200 if number % 3 == 0 else 503,
            code="" if number % 3 == 0 else "no_provider_available",
            attempts=1,
            usage=Usage(100 + number, 50, 10, 5, estimated=number % 4 == 0),
            cost_micros=1_000 + number if cost is None else cost,
            reserved_micros=2_000,
            budgets=("monthly", "daily") if number % 2 else (),
            started_us=now_us - 500,
            latency_us=500,
            first_byte_us=200,
            request_bytes=321,
            response_bytes=654,
            finish_reason="stop",
            accepted_sequence=1,
            writer="gateway",
            boot="b1",
            body=SealedBody("sub", "k1", b"n" * 12, b"c" * 40, bytes(range(32)), 24) if number % 2 else None,
        )
        made: list[msgspec.Struct] = [
            RequestAccepted("key", "nvk_00000000", "sub", "chat", "mock/gpt-4o", False, 321, "overlapped", 7),
            RequestScreened("request", "redact" if hits else "approve", "", "core", found, 100),
            end,
        ]
        facts: list[Fact] = []
        for data in made:
            before = facts[-1].id if facts else ""
            facts.append(fact(data, self.ids.new(), now_us, tenant, "key:1", request, before))
        return facts


def message(sequence: int, facts: Sequence[Fact], *, stream: str = "TRAFFIC", subject: str = "traffic.0") -> Message:
    """A message of the log with these facts in a segment."""
    payload = encode_segment(subject, "gateway", "b1", sequence, GENESIS, [encode_fact(one) for one in facts])
    return Message(stream, sequence, subject, payload, START_US, f"gateway/b1/{sequence}")


def messages(count: int, *, per_segment: int = 3, hits: int = 1, traffic: Traffic | None = None) -> list[Message]:
    """So many messages, with so many requests each."""
    source = traffic or Traffic()
    return [
        message(number, [one for _ in range(per_segment) for one in source.request(hits=hits)])
        for number in range(1, count + 1)
    ]
