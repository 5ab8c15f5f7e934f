"""Asks the hooks of one stage, one after the other, each within its time; what they may do is decided in schemas."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from ingress.gateway.authenticate import Caller
from ingress.gateway.screening import Screening
from schemas.aggregates.policy import Policy
from schemas.errors import NexusError
from schemas.facts.traffic import HookDecided, HooksDecided
from schemas.hooks.bounds import ip_access, rate_limiter, request_size
from schemas.hooks.decision import (
    NOTHING,
    BadCuts,
    Finding,
    Seen,
    cut,
    failed,
    ordered,
    settle,
    strictest,
)
from schemas.hooks.hook import LABELS, MOST_TOGETHER_MS, Hook
from schemas.hooks.replies import BadReply
from schemas.hooks.rule_hits import by_rules, data_classification, tool_call_guard
from schemas.hooks.wording import keyword_filter, response_quality
from schemas.ids import Clock
from schemas.rates import Bucket
from schemas.screening.model import strictness

log = logging.getLogger(__name__)

_REMEMBERED = 100_000
"""Buckets of rate limiters kept; the longest unused go first, which can only be generous."""

Asked = Callable[[Caller, Hook, Seen, str], Awaitable[Finding | None]]
"""A hook that is asked elsewhere; the last argument is the request's id. None: it has nothing to say."""


class HookFailed(Exception):
    """A hook could not be asked. The text is for the record: it quotes nothing of the request."""


class Outcome(msgspec.Struct, frozen=True):
    """What the hooks of one stage came to."""

    fact: HooksDecided
    texts: tuple[str, ...]
    """As they are after what was modified."""
    modified: bool = False
    label: str = ""
    decided: HookDecided | None = None
    """The strictest decision."""
    hook: Hook | None = None
    """Whose it is."""
    retry_after: int | None = None


class Hooks:
    """The hooks of one gateway process. Rates are counted here, so that each process has its own."""

    def __init__(self, screening: Screening, clock: Clock, elsewhere: dict[str, Asked]) -> None:
        """
        Args:
            elsewhere: by kind, what needs more than it is shown.
        """
        self._screening = screening
        self._clock = clock
        self._elsewhere = elsewhere
        self._buckets: OrderedDict[tuple[str, ...], Bucket] = OrderedDict()

    async def ask(self, policy: Policy, caller: Caller, seen: Seen, request: str) -> Outcome | None:
        """What the policy's hooks say of this stage; None when there are none for it."""
        hooks = ordered(
            hook
            for hook in policy.hooks
            if hook.concerns(seen.stage, seen.route, seen.tenant) and hook.kind != "data_residency"
        )
        if not hooks:
            return None
        started = self._clock.monotonic()
        decisions: list[HookDecided] = []
        modified, scanned, wait = False, False, None
        for hook in hooks:
            begun = self._clock.monotonic()
            left_ms = MOST_TOGETHER_MS - int((begun - started) * 1000)
            if not scanned and hook.kind in _BY_RULES:
                hits, complete = await self._screening.hits(
                    seen.tenant, seen.texts, seen.stage, sorted(seen.tools), policy.screening(seen.stage)
                )
                seen, scanned = msgspec.structs.replace(seen, hits=hits, all_hits=complete), True
            decision, finding = await self._decision(hook, policy.id, caller, seen, request, left_ms, begun)
            if decision.action == "redact":
                try:
                    texts = tuple(cut(seen.texts, finding.cuts))
                except BadCuts:
                    # what cannot be taken out does not go on, however the hook fails
                    decision = msgspec.structs.replace(
                        failed(hook, "its redactions do not fit the text", decision.microseconds), action="block"
                    )
                else:
                    seen, modified, scanned = msgspec.structs.replace(seen, texts=texts), True, False
            if finding.label and (not seen.label or LABELS.index(finding.label) > LABELS.index(seen.label)):
                seen = msgspec.structs.replace(seen, label=finding.label)
            decisions.append(decision)
            if decision.action == "block":
                wait = finding.retry_after
                break  # nothing can be stricter
        top = strictest(decisions)
        by = top is not None and strictness(top.action) > 0
        fact = HooksDecided(
            seen.stage,
            top.action if top is not None else "approve",
            top.hook if top is not None and by else "",
            tuple(decisions),
            self._since(started),
        )
        deciding = next((hook for hook in hooks if by and top is not None and hook.id == top.hook), None)
        return Outcome(fact, seen.texts, modified, seen.label, top if by else None, deciding, wait)

    async def _decision(
        self, hook: Hook, policy: str, caller: Caller, seen: Seen, request: str, left_ms: int, begun: float
    ) -> tuple[HookDecided, Finding]:
        """One hook's decision, whatever goes wrong with it."""
        why = "there was no time left for it"
        limit_ms = min(hook.timeout_ms, left_ms)
        if limit_ms > 0:
            try:
                async with asyncio.timeout(limit_ms / 1000):
                    finding = await self._finding(hook, policy, caller, seen, request)
                if finding is not None:
                    return settle(hook, finding, self._since(begun)), finding
                nothing = settle(hook, NOTHING, self._since(begun))
                return msgspec.structs.replace(nothing, decision="abstain"), NOTHING
            except TimeoutError:
                why = f"it did not answer within {limit_ms} ms"
            except (HookFailed, BadReply) as problem:
                why = str(problem)
            except NexusError as problem:
                why = f"it failed: {problem.error_code}"
            except Exception as problem:
                # a defect of ours; the text of an exception may quote the request, its type does not
                log.error("event=hook_failed hook=%s kind=%s error=%s", hook.id, hook.kind, type(problem).__name__)
                why = "it failed"
        return failed(hook, why, self._since(begun)), NOTHING

    async def _finding(self, hook: Hook, policy: str, caller: Caller, seen: Seen, request: str) -> Finding | None:
        if hook.kind in _BY_RULES:
            return _BY_RULES[hook.kind](hook, seen, self._screening.pack_of)
        if hook.kind in _PURE:
            return _PURE[hook.kind](hook, seen)
        if hook.kind == "rate_limiter":
            return self._rate(hook, policy, seen)
        return await self._elsewhere[hook.kind](caller, hook, seen, request)

    def _rate(self, hook: Hook, policy: str, seen: Seen) -> Finding:
        whose = (seen.tenant, policy, hook.id, seen.key if hook.options.by == "key" else "")
        finding, bucket = rate_limiter(hook, self._buckets.pop(whose, None), self._clock.monotonic())
        self._buckets[whose] = bucket
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)
        return finding

    def _since(self, begun: float) -> int:
        return max(0, int((self._clock.monotonic() - begun) * 1_000_000))


_BY_RULES = {
    "pii_detector": by_rules,
    "content_safety": by_rules,
    "rule_pack": by_rules,
    "tool_call_guard": tool_call_guard,
    "data_classification": data_classification,
}
_PURE = {
    "keyword_filter": keyword_filter,
    "response_quality": response_quality,
    "ip_access": ip_access,
    "request_size": request_size,
}


def tool_names(slots: Sequence[tuple[bool, object, str]]) -> tuple[str, ...]:
    """The names of tools among texts given as (of a tool, key, text)."""
    return tuple(text for tool, key, text in slots if tool and str(key).rpartition(".")[2] == "name")
