"""Where hooks meet a request under way: what they are shown at each stage, and what their decision does to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ingress.codecs.codec import CallerCodec
from ingress.gateway.addresses import client_address
from ingress.gateway.answers import NONE
from ingress.gateway.holding import HoldingRelay
from ingress.gateway.hooks import Outcome, tool_names
from ingress.gateway.relay import Relay
from schemas.aggregates.policy import Policy, binding_hooks
from schemas.conversation.answer import Answer, Begun, Delta, Ended, Event, Finished, PartBegun, PartEnded, Used
from schemas.conversation.answer import Choice as AnsweredChoice
from schemas.conversation.parts import Text
from schemas.errors import Blocked, Forbidden, LimitReached, NexusError, TooLarge, Unavailable
from schemas.facts.traffic import HookDecided, HooksDecided, Usage
from schemas.hooks.bounds import data_residency
from schemas.hooks.decision import LONGEST_REASON, Seen, ordered
from schemas.routing.choose import Choice
from schemas.screening.model import strictness
from schemas.text import TOOL_LANE, TextSlot, tools_among

if TYPE_CHECKING:
    from ingress.gateway.exchange import Exchange

TOO_LATE = "observed only, the stream had passed: "
POLITE = "I cannot help with that here: a rule of your organisation does not allow it."


class SoftBlocked(Blocked):
    """A block that the caller sees as an answer, with the finish reason `content_filter`."""

    status = 200


async def ask(exchange: Exchange, stage: str, slots: list[TextSlot], *, binding: bool = True) -> bool:
    """Asks the hooks of a stage and does what they say.

    Args:
        slots: the texts; those that a hook modifies are put back.
        binding: whether they may still change anything; else, since the answer has been passed on, what they say is
            put on the record as a flag at most.

    Returns:
        Whether a text was modified.

    Raises:
        Blocked, LimitReached, TooLarge, Forbidden, Unavailable: a hook refused.
    """
    plan, record, door, request = exchange.plan, exchange.record, exchange.door, exchange.request
    policy = plan.policy
    if not binding:
        mild = tuple(msgspec.structs.replace(hook, cap=_milder(hook.cap), fail="open") for hook in policy.hooks)
        policy = msgspec.structs.replace(policy, hooks=mild)
    seen = Seen(
        stage=stage,
        tenant=record.tenant,
        route=plan.route.id,
        key=record.summary.key_id,
        address=client_address(door.address, door.header("x-forwarded-for"), exchange.parts.settings.trusted_proxies),
        texts=tuple(slot.text for slot in slots),
        tools=frozenset(tools_among(slots)),
        tool_names=tool_names([(slot.tool, slot.key, slot.text) for slot in slots]),
        size=record.summary.request_bytes,
        messages=request.turns,
        label=exchange.label,
    )
    outcome = await exchange.parts.hooks.ask(policy, exchange.caller, seen, record.request_id)
    if outcome is None:
        return False
    exchange.record.note(outcome.fact if binding else observed(outcome.fact, plan.policy))
    exchange.label = outcome.label
    if outcome.decided is None:
        gone = next((each for each in outcome.fact.decisions if each.decision == "abstain" and each.reason), None)
        if gone is not None and exchange.hook in ("", NONE):
            exchange.hook = told(gone)  # it failed and let the request pass: the caller may know
        return False
    _weigh(exchange, outcome.decided)
    if outcome.decided.action == "block":
        raise refusal(outcome, stage)
    if outcome.modified:
        for slot, text in zip(slots, outcome.texts, strict=True):
            slot.holder[slot.key] = text
    return outcome.modified


async def judge_answer(exchange: Exchange, slots: list[TextSlot]) -> tuple[bool, NexusError | None]:
    """Whether hooks modified a whole answer, and how they refused it if they did: what was used is paid for first."""
    now = [TextSlot(slot.holder, slot.key, slot.holder[slot.key], slot.tool) for slot in slots]
    try:
        return await ask(exchange, "response", now), None
    except NexusError as refused:
        return False, refused


async def judge_stream(exchange: Exchange, relay: Relay) -> tuple[bytes, NexusError | None]:
    """What of a streamed answer has waited for the hooks and may pass now, and how they refused it if they did.

    Only an answer that waits (see `STREAM_MODES`) can be changed or stopped: of any other what hooks say comes too
    late, and is an observation on the record.
    """
    waits = isinstance(relay, HoldingRelay) and relay.waits
    texts = relay.lanes()
    holder = dict(texts)
    slots = [TextSlot(holder, lane, text, TOOL_LANE in lane) for lane, text in texts.items()]
    if not waits:
        await ask(exchange, "response", slots, binding=False)
        return b"", None
    assert isinstance(relay, HoldingRelay)
    _, refused = await judge_answer(exchange, slots)
    changed = {lane: text for lane, text in holder.items() if text != texts[lane]}
    if refused is None and any(lane.endswith(".name") for lane in changed):
        refused = Blocked("A redaction of a hook does not fit the answer.", code="hook_failed")
    return (b"", refused) if refused is not None else (relay.let_go(changed), None)


def observed(fact: HooksDecided, policy: Policy) -> HooksDecided:
    """The fact on an answer that had been passed on: what hooks held against it says that it could not bind."""
    held = {hook.id for hook in binding_hooks(policy)}
    decisions = tuple(
        msgspec.structs.replace(each, reason=f"{TOO_LATE}{each.reason}"[:LONGEST_REASON])
        if each.action == "flag" and each.hook in held
        else each
        for each in fact.decisions
    )
    return msgspec.structs.replace(fact, decisions=decisions)


def _milder(cap: str) -> str:
    return cap if strictness(cap) < strictness("flag") else "flag"


def _weigh(exchange: Exchange, decided: HookDecided) -> None:
    """Keeps the strictest of all for the summary and the header, which names the hook and never what matched."""
    record = exchange.record
    if not record.summary.action or strictness(decided.action) > strictness(record.summary.action):
        record.summary.action, record.summary.rule = decided.action, decided.rule or f"hook.{decided.hook}"
        exchange.hook = told(decided)


def told(decided: HookDecided) -> str:
    """What the header says of a hook: which, what it did, by which rule and why; never what matched."""
    parts = [decided.kind, f"action={decided.action}", f"hook={decided.hook}"]
    if decided.rule:
        parts.append(f"rule={_plain(decided.rule)}")
    if decided.reason:
        parts.append(f'why="{_plain(decided.reason)}"')
    return ";".join(parts)


def _plain(text: str) -> str:
    """What may stand in a header, between quotation marks too."""
    return "".join(char for char in text if char.isascii() and char.isprintable() and char not in '"\\')[:100]


def refusal(outcome: Outcome, stage: str) -> NexusError:
    """What the caller is told: which hook, and why; never what matched."""
    decided, hook = outcome.decided, outcome.hook
    assert decided is not None and hook is not None
    what = "response" if stage == "response" else "request"
    said = f"The {what} was refused by the hook `{decided.hook}` ({decided.kind}): {decided.reason or decided.rule}."
    if decided.decision == "abstain":
        return Unavailable(said, code="hook_failed", retry_after=2)
    if decided.decision == "soft-block":
        return SoftBlocked(said)
    if hook.kind == "rate_limiter":
        return LimitReached(said, retry_after=outcome.retry_after)
    if hook.kind == "request_size":
        return TooLarge(said)
    if hook.kind == "ip_access":
        return Forbidden(said, code="address_not_allowed")
    return Blocked(said)


def keep_at_home(exchange: Exchange, choice: Choice) -> Choice:
    """The choice without the accounts that may not see what this request has been classified as.

    Raises:
        Forbidden: `no_compatible_provider`, when that leaves none.
    """
    plan, record = exchange.plan, exchange.record
    hooks = [
        hook
        for hook in ordered(plan.policy.hooks)
        if hook.kind == "data_residency" and hook.concerns("request", plan.route.id, record.tenant)
    ]
    if not hooks:
        return choice
    label = exchange.label or "internal"
    decisions = []
    targets = choice.targets
    for hook in hooks:
        kept = tuple(each for each in targets if data_residency(hook, label, each.provider.id, each.provider.region))
        away = len(targets) - len(kept)
        flagging = away and strictness(hook.cap) < strictness("block")
        action = "approve" if not away else "flag" if flagging else "approve" if kept else "block"
        reason = f"{away} of {len(targets)} targets may not see what is {label}" if away else ""
        word = "reject" if action == "block" else "approve"
        decisions.append(HookDecided(hook.id, hook.kind, word, action, reason, label=label))
        if not flagging:
            targets = kept
        if action == "block":
            break
    last = decisions[-1]
    exchange.record.note(
        HooksDecided("route", last.action, last.hook if last.action != "approve" else "", tuple(decisions))
    )
    if not targets:
        _weigh(exchange, last)
        raise Forbidden(
            f"No provider of this route may see what is {label} (hook `{last.hook}`, data_residency).",
            code="no_compatible_provider",
        )
    gone = tuple(each for each in choice.targets if each not in targets)
    return Choice(choice.route, targets, (*choice.skipped, *gone))


def polite_answer(codec: CallerCodec, identifier: str, model: str, created_s: int) -> bytes:
    """A whole answer that says no, in the caller's protocol."""
    choice = AnsweredChoice((Text(POLITE),), "content_filter")
    answer = Answer(id=identifier, model=model, created_s=created_s, choices=(choice,), usage=Usage())
    return msgspec.json.encode(codec.write_answer(answer))


def polite_stream(codec: CallerCodec, identifier: str, model: str, created_s: int) -> bytes:
    """The same as a stream."""
    writer = codec.writer(include_usage=True)
    events: tuple[Event, ...] = (
        Begun(identifier, model, created_s),
        PartBegun(0, 0, "text"),
        Delta(0, 0, POLITE),
        PartEnded(0, 0),
        Finished(0, "content_filter"),
        Used(Usage()),
        Ended(),
    )
    return b"".join(map(writer.write, events))
