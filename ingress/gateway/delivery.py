"""What brings a provider's answer to the caller, whole or while it arrives: call, screen, settle, answer."""

from __future__ import annotations

import asyncio
from typing import Any

from ingress.codecs.answered import Answered
from ingress.codecs.aws_events import AwsEventParser
from ingress.codecs.codec import EventWriter, Malformed, ToldError
from ingress.codecs.openai_chat import CODEC, encode_body
from ingress.codecs.passage import Crossing, Looking
from ingress.gateway import hooked
from ingress.gateway.answers import answer_headers
from ingress.gateway.attempts import Attempt, Attempts
from ingress.gateway.call import CallFailed
from ingress.gateway.calling import Arriving
from ingress.gateway.exchange import Exchange, put_back
from ingress.gateway.holding import HoldingRelay
from ingress.gateway.plan import Plan
from ingress.gateway.relay import Relay
from ingress.gateway.restoring import RestoringCrossing, restore
from ingress.gateway.screening import StreamScreening
from projections.screening import redact, screened
from schemas.aggregates.policy import binding_hooks
from schemas.conversation.answer import Begun
from schemas.errors import NexusError, ProviderError
from schemas.facts import traffic
from schemas.screening.redaction import BrokenJson
from schemas.text import drop_repeats


async def answer_whole(exchange: Exchange, attempts: Attempts) -> None:
    """The answer in one piece."""
    record, plan = exchange.record, exchange.plan
    summary = record.summary
    attempt = await attempts.run(exchange.parts.calls.send)
    answer = read_answer(exchange, attempts, attempt)
    content = answer.raw
    # what was used is paid for, whether or not the caller may see it, or anybody can tell
    attempts.settle(
        attempt.target, answer.usage or exchange.estimated_usage(content if exchange.request.choices else 0)
    )
    exchange.learn(answer.usage)

    exchange.stage = "screen_response"
    verdict, slots, decoded = await exchange.screen_response(answer, plan)
    refused: NexusError | None = None
    if verdict is not None and verdict.action == "redact":
        try:
            put_back(slots, redact([slot.text for slot in slots], verdict))
        except BrokenJson:
            refused = exchange.unfit(verdict, "response")
        drop_repeats(decoded)
        content = encode_body(decoded)
    if plan.policy.hooks and refused is None:
        modified, refused = await hooked.judge_answer(exchange, slots)
        if modified:
            drop_repeats(decoded)
            content = encode_body(decoded)
    if verdict is not None and verdict.action == "block":
        raise exchange.blocked(verdict, "response")
    if refused is not None:
        raise refused
    summary.finish_reason = answer.finish_reason
    if plan.route.capture and exchange.request.keeps_answer:
        summary.body = exchange.sealed_now("response", content) or await exchange.sealed("response", content)
    if exchange.tokens is not None:
        restore(slots, exchange.tokens)
        content = encode_body(decoded)
    summary.response_bytes = len(content)

    exchange.stage = "log"
    await record.acknowledged()
    # the log knows of the request; that it ended well is said in the same turn of the loop, but not before it did
    exchange.door.answer(200, answer_headers(record, exchange.hook, "application/json"), content)
    record.close(traffic.RequestCompleted, status=200)


async def answer_stream(exchange: Exchange, attempts: Attempts) -> None:
    """The answer event by event."""
    record, parts = exchange.record, exchange.parts
    request, plan = exchange.request, exchange.plan
    screening = parts.screening.stream(record.tenant, plan.screening("response"))
    exchange.relay = relay = relay_for(plan, screening, include_usage=request.include_usage)
    attempt = await attempts.run(parts.calls.stream)
    writer = passage_of(exchange, attempt, relay, include_usage=request.include_usage)
    try:
        exchange.stage = "log"
        await record.acknowledged()
        exchange.stage = "call"
        exchange.door.open_stream(200, answer_headers(record, exchange.hook, "text/event-stream"))
        outcome = await pass_on(exchange, attempt, relay)
    finally:
        await attempt.answer.end()
    attempts.ended("aborted" if relay.blocked else outcome, attempt.answer.status)
    verdict = screening.finish()
    if plan.route.placement != "observe":
        record.note(screened("response", verdict, screening.characters))
        exchange.weigh(verdict)
    code, ending = "", b""
    stopped = relay.blocked
    if relay.blocked:
        error: NexusError = exchange.blocked(verdict, "response")
        code = error.error_code
        relay.finish_reason = "content_filter"
        ending = writer.fail(error, filtered=True)
    elif outcome == "ok" and plan.policy.hooks:
        ending, refused = await hooked.judge_stream(exchange, relay)
        record.summary.response_bytes += len(ending)
        if refused is not None:
            code, relay.finish_reason, stopped = refused.error_code, "content_filter", True
            ending = writer.fail(refused, filtered=True)
    elif outcome != "ok":
        error = ProviderError("The provider broke off the answer.")
        code = error.error_code
        ending = writer.fail(error, filtered=False)

    exchange.stage = "settle"
    attempts.settle(attempt.target, relay.usage or exchange.estimated_usage(relay.output_bytes))
    exchange.learn(relay.usage)
    record.summary.finish_reason = relay.finish_reason
    if plan.route.capture:
        kept = relay.kept()
        record.summary.body = exchange.sealed_now("response", kept) or await exchange.sealed("response", kept)
    record.close(traffic.RequestCompleted, status=200, code=code, stage="screen_response" if stopped else "")
    if ending:
        exchange.door.unwatch()
        await exchange.door.send(ending)


async def pass_on(exchange: Exchange, attempt: Attempt[Arriving], relay: Relay) -> str:
    """Passes the answer on while it arrives; how the provider's part of it ended, as in `ProviderCalled`."""
    record, door, answer = exchange.record, exchange.door, attempt.answer

    def take(piece: bytes) -> bool:
        """Passes a piece on; whether the next one may come."""
        passed = relay.feed(piece)
        willing = not (relay.blocked or relay.failed)
        if passed:
            record.summary.response_bytes += len(passed)
            if relay.done:
                # everything has been said: a caller who closes now has not left early
                door.unwatch()
            willing = door.put(passed) and willing
        return willing

    try:
        async with asyncio.timeout(attempt.target.provider.total_timeout_ms / 1000):
            while await answer.each(take) and not (relay.blocked or relay.failed):
                await door.taken()
    except CallFailed as failure:
        return failure.outcome
    except TimeoutError:
        return "timeout"
    if not relay.done and (last := relay.end()):
        record.summary.response_bytes += len(last)
        if relay.done:
            door.unwatch()
        door.put(last)
    if relay.failed:
        return "malformed"
    return "ok" if relay.done or relay.blocked else "disconnect"


def read_answer(exchange: Exchange, attempts: Attempts, attempt: Attempt[bytes]) -> Answered:
    raw, outgoing = attempt.answer, attempt.outgoing
    try:
        answer = exchange.request.answered(raw, outgoing.codec, exchange.stamp(attempt))
    except ToldError:
        # under a status that says all is well; what it says may be about the account, which is no caller's business
        attempts.ended("status", 200)
        raise ProviderError("The provider answered with an error.") from None
    except Malformed:
        attempts.ended("malformed", 200)
        raise ProviderError("The provider's answer could not be understood.", code="upstream_malformed") from None
    attempts.ended("ok", 200)
    return answer


def passage_of(exchange: Exchange, attempt: Attempt[Any], relay: Relay, *, include_usage: bool) -> EventWriter:
    """Leads the relay from the provider's protocol to the caller's; gives what writes the caller's events."""
    outgoing, stamp = attempt.outgoing, exchange.stamp(attempt)
    if outgoing.crossed or exchange.tokens is not None or isinstance(relay, HoldingRelay):
        crossing = Crossing(outgoing.codec, exchange.codec, stamp, include_usage=include_usage)
        if exchange.tokens is not None:
            crossing = RestoringCrossing(
                outgoing.codec, exchange.codec, stamp, exchange.tokens, include_usage=include_usage
            )
        relay.through(crossing, AwsEventParser() if outgoing.framing == "aws" else None)
        return crossing.writer
    if exchange.codec is not CODEC:
        relay.through(Looking(outgoing.codec, include_usage=include_usage))
    writer = exchange.codec.writer(include_usage=include_usage)
    # a stream that passed as it came is ended by somebody who has written nothing yet
    writer.write(Begun(stamp.id, stamp.model, stamp.created_s))
    return writer


def relay_for(plan: Plan, screening: StreamScreening, *, include_usage: bool) -> Relay:
    """What the policy's mode for streams asks for."""
    mode, hooked = plan.policy.stream, any(hook.stage == "response" for hook in plan.policy.hooks)
    keep = plan.route.capture or hooked
    if mode in ("hold", "buffer"):
        # hooks judge whole answers: what they may change or stop waits for its end
        waits = bool(binding_hooks(plan.policy))
        return HoldingRelay(screening, include_usage, keep=keep, whole=waits or mode == "buffer", waits=waits)
    return Relay(screening, include_usage, keep=keep, stops=mode == "stop")
