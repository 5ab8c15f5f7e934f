"""Attempts at providers for one request: order, budgets, circuits, retries before the first byte."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from ingress.codecs.asked import Asked
from ingress.gateway.authenticate import Caller
from ingress.gateway.budget import FREE, BudgetLeases, set_aside
from ingress.gateway.call import CallFailed
from ingress.gateway.circuits import Circuits
from ingress.gateway.failure import error_of, retry_after_s, retryable
from ingress.gateway.identity import Errand
from ingress.gateway.record import Record
from ingress.providers.outgoing import Outgoing, prepare
from schemas.aggregates.provider import Provider, Retry
from schemas.errors import NexusError, ProviderUnavailable
from schemas.facts.traffic import ProviderCalled, RequestRouted, Usage
from schemas.ids import Clock
from schemas.pricing import believable, cost_micros
from schemas.routing.choose import Choice, Target

FIRST_BACKOFF_S = 0.05
MAX_WAIT_S = 2.0
"""The longest wait between two attempts, whatever a provider asks for: a caller is waiting."""

AnswerT = TypeVar("AnswerT")
Call = Callable[[Errand], Awaitable[AnswerT]]
OWN_KEY = "x-provider-api-key"
"""Header with a caller's own key of a provider."""


class Secrets(Protocol):
    """Where credentials are opened, see `parts.Credentials`."""

    def of(self, caller: Caller, provider: Provider) -> str: ...

    def client_key(self, caller: Caller, provider: Provider) -> str: ...


class Attempt(Generic[AnswerT]):
    """A call under way, or the one that brought the answer."""

    __slots__ = ("answer", "first_byte_us", "number", "outgoing", "started_us", "target")

    def __init__(self, number: int, target: Target, outgoing: Outgoing, started_us: int) -> None:
        self.number = number
        self.target = target
        self.outgoing = outgoing
        self.started_us = started_us
        self.first_byte_us = 0
        self.answer: AnswerT


class Attempts:
    """The calls of one request. After `run`, `settle` says what they came to; exactly once, whatever happened."""

    def __init__(
        self,
        record: Record,
        caller: Caller,
        request: Asked,
        choice: Choice,
        text_bytes: int,
        *,
        leases: BudgetLeases,
        circuits: Circuits,
        secrets: Secrets,
        asked: Callable[[], Mapping[str, str]],
        clock: Clock,
        strict: bool = False,
    ) -> None:
        """
        Args:
            asked: the caller's headers by lower-case name.
            strict: refuse what the provider's protocol has no word for, instead of dropping it.
        """
        self._record = record
        self._caller = caller
        self._request = request
        self._choice = choice
        self._text_bytes = text_bytes
        self._leases = leases
        self._circuits = circuits
        self._secrets = secrets
        self._asked = asked
        self._clock = clock
        self._strict = strict
        self._allowance = FREE
        self._current: Attempt[Any] | None = None
        self._routed = False
        self._tried: dict[str, int] = {}
        """By account: calls of it."""

    async def reserve(self, target: Target) -> None:
        """Sets money aside for a target; the first time, the fact of the routing tells how much.

        Raises:
            LimitReached, Forbidden, Unavailable: see `set_aside`.
        """
        record = self._record
        self._allowance = allowance = await set_aside(
            self._leases, self._caller, target, self._request, self._text_bytes, record.started_us
        )
        summary = record.summary
        summary.reserved_micros, summary.budgets = allowance.micros, allowance.budgets
        if not self._routed:
            self._routed = True
            choice = self._choice
            record.note(
                RequestRouted(
                    choice.route.id,
                    choice.route.strategy,
                    tuple([each.model.id for each in choice.targets]),
                    tuple([each.model.id for each in choice.skipped]) if choice.skipped else (),
                    allowance.micros,
                    allowance.budgets,
                )
            )

    async def run(self, call: Call[AnswerT]) -> Attempt[AnswerT]:
        """Calls until an answer begins.

        Raises:
            NexusError: no attempt brought an answer; the last failure in the caller's words.
        """
        record, clock, most = self._record, self._clock, self._choice.route.max_attempts
        targets = self._choice.targets
        last: NexusError | None = None
        for number in range(1, most + 1):
            target = self._next(number, targets, record.tenant)
            if target is None:
                break
            if number > 1:
                await self.reserve(target)
            provider = target.provider
            outgoing = prepare(
                self._request, provider, target.model.upstream_name, self._allowance.max_output, strict=self._strict
            )
            attempt: Attempt[AnswerT] = Attempt(number, target, outgoing, clock.now_us())
            self._begin(attempt)
            record.dropped = outgoing.dropped
            try:
                attempt.answer = await call(self._errand(target, outgoing))
            except CallFailed as failure:
                self.ended(failure.outcome, failure.status)
                self._give_back()
                last = error_of(failure, outgoing.codec.read_error)
                if number == most or not retryable(failure, provider.retry):
                    break
                if len(targets) == 1 and not await self._wait(number, failure, provider.retry):
                    break
                continue
            now_us = clock.now_us()
            attempt.first_byte_us = now_us - attempt.started_us
            if not record.summary.first_byte_us:
                record.summary.first_byte_us = now_us - record.started_us
            return attempt
        self._give_back()
        raise last or ProviderUnavailable("Every provider of this route is failing at the moment.", retry_after=5)

    def _next(self, number: int, targets: tuple[Target, ...], tenant: str) -> Target | None:
        """The target for an attempt, in turn, past those whose circuit has opened meanwhile."""
        for step in range(len(targets)):
            target = targets[(number - 1 + step) % len(targets)]
            account, retry = target.provider.id, target.provider.retry
            if retry is not None and self._tried.get(account, 0) >= retry.attempts:
                continue
            if self._circuits.allows(tenant, account):
                return target
        return None

    def _errand(self, target: Target, outgoing: Outgoing) -> Errand:
        """The call to make, with the account's credential, or the caller's own key where the account takes it."""
        provider = target.provider
        own = self._asked().get(OWN_KEY, "").strip() if provider.forward_token else ""
        return Errand(
            provider,
            target.model,
            outgoing,
            own or self._secrets.of(self._caller, provider),
            bool(own),
            self._record.request_id,
            self._asked,
            self._secrets.client_key(self._caller, provider) if provider.client_key else "",
        )

    def _begin(self, attempt: Attempt[AnswerT]) -> None:
        self._current = attempt
        record, target = self._record, attempt.target
        account, summary = target.provider.id, record.summary
        summary.attempts, summary.account, summary.model = attempt.number, account, target.model.id
        self._tried[account] = self._tried.get(account, 0) + 1
        self._circuits.started(record.tenant, account)

    async def _wait(self, number: int, failure: CallFailed, retry: Retry | None) -> bool:
        """Waits before trying the same account again; false when that cannot help, or asks for more time than a caller
        has."""
        if failure.outcome == "credential":
            return False
        first_s, most_s = (
            (FIRST_BACKOFF_S, MAX_WAIT_S) if retry is None else (retry.backoff_ms / 1000, retry.max_backoff_ms / 1000)
        )
        asked = retry_after_s(failure.retry_after)
        if asked is not None and asked > MAX_WAIT_S:
            return False
        backoff = min(most_s, first_s * 2 ** (number - 1))
        await asyncio.sleep(asked if asked else backoff * (0.5 + random.random() / 2))
        return True

    def ended(self, outcome: str, status: int) -> None:
        """The current call is over: notes its fact, tells the circuit. Later calls do nothing."""
        attempt, self._current = self._current, None
        if attempt is None:
            return
        record, target = self._record, attempt.target
        account, now_us = target.provider.id, self._clock.now_us()
        took_us = now_us - attempt.started_us
        self._circuits.ended(record.tenant, account, outcome, status, took_us / 1e6)
        record.note(
            ProviderCalled(attempt.number, account, target.model.id, outcome, status, attempt.first_byte_us, took_us),
            now_us,
        )

    def settle(self, target: Target, usage: Usage) -> None:
        """Books what the answer cost against what had been set aside."""
        summary = self._record.summary
        usage = Usage() if self._request.free else believable(usage)
        summary.usage = usage
        summary.cost_micros = cost = 0 if self._request.free else cost_micros(target.model.prices, usage)
        self._return(cost)

    def _give_back(self) -> None:
        self._return(0)

    def _return(self, cost: int) -> None:
        reservation = self._allowance.reservation
        self._allowance = FREE
        if reservation is not None:
            self._leases.settle(reservation, cost)

    def broken_off(self, usage: Usage | None) -> None:
        """The caller left, or the request failed half-way: whatever is open is ended, and what was used is booked."""
        attempt = self._current
        if attempt is not None:
            self.ended("aborted", 0)
            if usage is not None:
                self.settle(attempt.target, usage)
        self._give_back()
