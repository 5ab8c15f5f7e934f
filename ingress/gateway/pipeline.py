"""The way of a request: authenticate, limits, parse, screen, route, reserve, call, screen, settle, answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from ingress.codecs.answered import Answered, CrossedAnswer, PlainAnswer
from ingress.codecs.asked import Asked, Front, parse
from ingress.codecs.codec import CallerCodec, EventWriter, Malformed
from ingress.codecs.openai_chat import CODEC, ChatAnswer, ChatRequest, encode_body, parse_request
from ingress.codecs.passage import Crossing, Looking, Stamp
from ingress.gateway.answers import answer_error, answer_headers, hook_of
from ingress.gateway.attempts import Attempt, Attempts
from ingress.gateway.authenticate import Caller
from ingress.gateway.call import CallFailed
from ingress.gateway.door import ClientLeft, Door
from ingress.gateway.holding import HoldingRelay
from ingress.gateway.parts import Parts
from ingress.gateway.plan import Plan, make_plan, person_of
from ingress.gateway.record import Record, log_unavailable
from ingress.gateway.relay import Relay
from ingress.gateway.screening import StreamScreening
from ingress.gateway.upstream import ProviderStream
from projections.screening import redact, screened
from schemas.conversation.answer import Begun
from schemas.errors import Blocked, NexusError, ProviderError, Unavailable
from schemas.facts import traffic
from schemas.facts.traffic import RequestAccepted, Usage
from schemas.routing.choose import Choice, choose
from schemas.screening.model import Verdict, strictness
from schemas.text import TextSlot, drop_repeats

log = logging.getLogger(__name__)


class Pipeline:
    """Serves conversations. One for a process; all state of a request is in its `_Exchange`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def chat_completions(self, door: Door, said: dict[str, Any]) -> None:
        """OpenAI's chat completions. `said` is what the path says instead of the body."""
        read = partial(parse_request, said=said) if said else parse_request
        await self._serve(door, ChatRequest.operation, CODEC, read)

    async def conversation(self, door: Door, front: Front, said: dict[str, Any]) -> None:
        """A conversation in any other protocol."""
        await self._serve(door, front.operation, front.codec, lambda body: parse(body, front, said))

    async def _serve(self, door: Door, operation: str, codec: CallerCodec, read: Callable[[bytes], Asked]) -> None:
        """One request's whole life. Every way out of here has left its terminal fact."""
        parts = self._parts
        record = Record(parts.writers, parts.clock, parts.opened, parts.ids.new())
        record.operation = operation
        exchange = _Exchange(parts, door, record, codec, read)
        door.watch()
        try:
            await exchange.run()
        except NexusError as error:
            await exchange.refuse(error)
        except (asyncio.CancelledError, ClientLeft):
            exchange.abort()
            if not door.left:
                raise
        except Exception:
            # a defect of ours: the caller learns nothing of it, the operator everything but the request's text
            log.exception("request failed request=%s stage=%s", record.request_id, exchange.stage)
            await exchange.refuse(NexusError("Nexus failed to handle the request."))
        finally:
            door.unwatch()


class _Exchange:
    """One request under way."""

    def __init__(
        self, parts: Parts, door: Door, record: Record, codec: CallerCodec, read: Callable[[bytes], Asked]
    ) -> None:
        self.parts = parts
        self.door = door
        self.record = record
        self.codec = codec
        """Of the caller's protocol."""
        self.read = read
        self.stage = "authenticate"
        self.attempts: Attempts | None = None
        self.relay: Relay | None = None
        self.hook = ""
        self.prompt_units = 0

    # the way of a request --------------------------------------------------------------------------------------

    async def run(self) -> None:
        parts, record = self.parts, self.record
        caller = parts.authenticator.identify(self.door.header, record.started_us)
        record.identify(caller)

        self.stage = "kill"
        parts.switches.admit(caller)

        self.stage = "limits"
        parts.limits.admit(caller.key)
        body = await self.door.body(parts.settings.max_request_bytes, parts.settings.body_timeout_s)
        record.request_bytes = len(body)

        self.stage = "parse"
        request = self.read(body)
        record.model_requested = request.model
        record.stream = request.stream
        plan = make_plan(caller, request)
        record.route = plan.route.id

        self.stage = "kill"
        parts.switches.admit(caller, plan.route)
        await self.accept(caller, request, plan, body)

        self.stage = "screen_request"
        await self.screen_request(request, plan)

        self.stage = "route"
        choice = choose(
            caller.tenant.table,
            plan.route,
            request.model,
            lambda account: parts.circuits.allows(record.tenant, account),
        )

        self.stage = "reserve"
        self.attempts = self.attempts_for(caller, request, choice)
        await self.attempts.reserve(choice.targets[0])

        self.stage = "log"
        record.commit(watched=True)
        if plan.route.durability == "strict":
            await record.acknowledged()
        else:
            # a gateway killed from here on has still told the log; whether it is stored is awaited before the answer
            await record.published()

        self.stage = "call"
        if request.stream:
            await self.call_and_stream(self.attempts, request, plan)
        else:
            await self.call_and_answer(self.attempts, plan)

    async def call_and_answer(self, attempts: Attempts, plan: Plan) -> None:
        record = self.record
        attempt = await attempts.run(self.parts.upstream.send)
        answer = self.read_answer(attempts, attempt)
        content = answer.raw

        self.stage = "screen_response"
        verdict, slots, decoded = await self.screen_response(answer, plan)
        if verdict is not None and verdict.action == "redact":
            _put_back(slots, redact([slot.text for slot in slots], verdict))
            drop_repeats(decoded)
            content = encode_body(decoded)

        # what was used is paid for, whether or not the caller may see it
        attempts.settle(attempt.target, answer.usage or self.estimated_usage(content))
        if verdict is not None and verdict.action == "block":
            raise self.blocked(verdict, "response")
        record.finish_reason = answer.finish_reason
        record.response_bytes = len(content)
        record.body = await self.sealed(plan, "response", content)

        self.stage = "log"
        await record.acknowledged()
        # the log knows of the request; that it ended well is said in the same turn of the loop, but not before it did
        self.door.answer(200, answer_headers(record, self.hook, "application/json"), content)
        record.close(traffic.RequestCompleted, status=200)

    async def call_and_stream(self, attempts: Attempts, request: Asked, plan: Plan) -> None:
        record, parts = self.record, self.parts
        screening = parts.screening.stream(plan.policy.screening("response"))
        self.relay = relay = relay_for(plan, screening, include_usage=request.include_usage)
        attempt = await attempts.run(parts.upstream.stream)
        writer = self.passage_of(attempt, relay, include_usage=request.include_usage)
        try:
            self.stage = "log"
            await record.acknowledged()
            self.stage = "call"
            self.door.open_stream(200, answer_headers(record, self.hook, "text/event-stream"))
            outcome = await self.pass_on(attempt, relay)
        finally:
            await attempt.answer.end()
        attempts.ended("aborted" if relay.blocked else outcome, attempt.answer.status)
        verdict = screening.finish()
        if plan.route.placement != "observe":
            record.note(screened("response", verdict, screening.characters))
            self.weigh(verdict)
        code, ending = "", b""
        if relay.blocked:
            error: NexusError = self.blocked(verdict, "response")
            code = error.error_code
            relay.finish_reason = "content_filter"
            ending = writer.fail(error, filtered=True)
        elif outcome != "ok":
            error = ProviderError("The provider broke off the answer.")
            code = error.error_code
            ending = writer.fail(error, filtered=False)

        self.stage = "settle"
        attempts.settle(attempt.target, relay.usage or self.estimated_usage(relay.output_bytes))
        record.finish_reason = relay.finish_reason
        record.body = await self.sealed(plan, "response", relay.kept())
        record.close(traffic.RequestCompleted, status=200, code=code, stage="screen_response" if relay.blocked else "")
        if ending:
            self.door.unwatch()
            await self.door.send(ending)

    async def pass_on(self, attempt: Attempt[ProviderStream], relay: Relay) -> str:
        """Passes the answer on while it arrives; how the provider's part of it ended, as in `ProviderCalled`."""
        record, door, answer = self.record, self.door, attempt.answer

        def take(piece: bytes) -> bool:
            """Passes a piece on; whether the next one may come."""
            passed = relay.feed(piece)
            willing = not (relay.blocked or relay.failed)
            if passed:
                record.response_bytes += len(passed)
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
            record.response_bytes += len(last)
            if relay.done:
                door.unwatch()
            door.put(last)
        if relay.failed:
            return "malformed"
        return "ok" if relay.done or relay.blocked else "disconnect"

    # the steps -------------------------------------------------------------------------------------------------

    async def accept(self, caller: Caller, request: Asked, plan: Plan, body: bytes) -> None:
        """Takes the request on the record; what could not be recorded is not served."""
        parts, record = self.parts, self.record
        record.spool = plan.route.on_log_failure == "spool"
        if not record.spool and not record.log_is_healthy:
            self.stage = "log"
            raise log_unavailable()
        record.data_subject = parts.vault.pseudonym(record.tenant, person_of(caller, request))
        record.accept(
            RequestAccepted(
                record.key_id,
                record.key_prefix,
                record.data_subject,
                record.operation,
                request.model,
                request.stream,
                len(body),
                plan.route.durability,
                parts.configuration.sequence,
                await self.sealed(plan, "request", body),
            )
        )

    async def sealed(self, plan: Plan, part: str, body: bytes) -> traffic.SealedBody | None:
        if not plan.route.capture:
            return None
        record, bodies = self.record, self.parts.bodies
        sealed = bodies.seal_now(record.tenant, record.data_subject, record.request_id, part, body)
        if sealed is None:
            sealed = await bodies.seal(record.tenant, record.data_subject, record.request_id, part, body)
        return sealed

    async def screen_request(self, request: Asked, plan: Plan) -> None:
        slots = request.texts()
        texts = [slot.text for slot in slots]
        self.prompt_units = sum(len(text) if text.isascii() else 2 * len(text) for text in texts)
        verdict = await self.verdict("request", texts, plan)
        if verdict is None:
            return
        if verdict.action == "block":
            raise self.blocked(verdict, "request")
        if verdict.action == "redact":
            _put_back(slots, redact(texts, verdict))

    async def screen_response(
        self, answer: Answered, plan: Plan
    ) -> tuple[Verdict | None, list[TextSlot], dict[str, Any]]:
        decoded, slots = answer.decoded()
        return await self.verdict("response", [slot.text for slot in slots], plan), slots, decoded

    async def verdict(self, stage: str, texts: list[str], plan: Plan) -> Verdict | None:
        """The verdict on one stage, noted as a fact; None when a worker will look later."""
        record = self.record
        verdict = await self.parts.screening.verdict(
            plan.route.placement, record.tenant, record.request_id, stage, texts, plan.policy.screening(stage)
        )
        if verdict is not None:
            record.note(screened(stage, verdict, sum(map(len, texts))))
            self.weigh(verdict)
        return verdict

    def weigh(self, verdict: Verdict) -> None:
        """Keeps the strictest of both directions for the summary and the header."""
        record = self.record
        if not record.action or strictness(verdict.action) > strictness(record.action):
            record.action, record.rule = verdict.action, verdict.rule
            self.hook = hook_of(verdict)

    def blocked(self, verdict: Verdict, direction: str) -> Blocked:
        return Blocked(f"The {direction} was blocked by the compliance rule `{verdict.rule}`.")

    def attempts_for(self, caller: Caller, request: Asked, choice: Choice) -> Attempts:
        parts = self.parts
        return Attempts(
            self.record,
            caller,
            request,
            choice,
            self.prompt_units,
            leases=parts.leases,
            circuits=parts.circuits,
            credential_of=parts.credentials.of,
            clock=parts.clock,
            strict=choice.route.strict or self.door.header("x-nexus-strict").lower() == "true",
        )

    def read_answer(self, attempts: Attempts, attempt: Attempt[bytes]) -> Answered:
        raw, outgoing = attempt.answer, attempt.outgoing
        answer: Answered
        try:
            if outgoing.crossed:
                answer = CrossedAnswer(raw, outgoing.codec, self.codec, self.stamp(attempt))
            elif self.codec is CODEC:
                answer = ChatAnswer(raw)
            else:
                answer = PlainAnswer(raw, outgoing.codec)
        except Malformed:
            attempts.ended("malformed", 200)
            raise ProviderError("The provider's answer could not be understood.", code="upstream_malformed") from None
        attempts.ended("ok", 200)
        return answer

    def stamp(self, attempt: Attempt[Any]) -> Stamp:
        """What an answer is called whose provider does not say."""
        return Stamp(self.record.request_id, attempt.target.model.name, self.record.started_us // 1_000_000)

    def passage_of(self, attempt: Attempt[Any], relay: Relay, *, include_usage: bool) -> EventWriter:
        """Leads the relay from the provider's protocol to the caller's; gives what writes the caller's events."""
        outgoing, stamp = attempt.outgoing, self.stamp(attempt)
        if outgoing.crossed or isinstance(relay, HoldingRelay):
            crossing = Crossing(outgoing.codec, self.codec, stamp, include_usage=include_usage)
            relay.through(crossing)
            return crossing.writer
        if self.codec is not CODEC:
            relay.through(Looking(outgoing.codec))
        writer = self.codec.writer(include_usage=include_usage)
        # a stream that passed as it came is ended by somebody who has written nothing yet
        writer.write(Begun(stamp.id, stamp.model, stamp.created_s))
        return writer

    def estimated_usage(self, output: bytes | int) -> Usage:
        """Usage that the provider did not tell: about four bytes to a token, and marked as estimated."""
        size = output if isinstance(output, int) else len(output)
        return Usage(max(1, self.prompt_units // 4), -(-size // 4), estimated=True)

    # the other ways out ----------------------------------------------------------------------------------------

    async def refuse(self, error: NexusError) -> None:
        """Tells the caller why, after the log knows it."""
        record = self.record
        if self.attempts is not None:
            self.attempts.broken_off(None)
        if self.door.answered:
            # the status line is gone: all that is left is to close the record
            record.close(traffic.RequestCompleted, status=200, code=error.error_code, stage=self.stage)
            return
        try:
            waits = self.stage != "log"
            record.close(
                traffic.RequestRefused, status=error.status, code=error.error_code, stage=self.stage, awaited=waits
            )
            if waits:
                await record.acknowledged()
        except Unavailable as unavailable:
            error = unavailable
        except asyncio.CancelledError:
            # the caller did not wait for the refusal, which is on its way to the log
            if not self.door.left:
                raise
            return
        answer_error(self.door, record, self.codec, error, self.hook)

    def abort(self) -> None:
        """The caller left, or the process is stopping: what was used is billed."""
        record = self.record
        if record.closed:
            return
        used: Usage | None = None
        if self.relay is not None:
            used = self.relay.usage or self.estimated_usage(self.relay.output_bytes)
            record.finish_reason = self.relay.finish_reason
        elif self.attempts is not None:
            used = self.estimated_usage(0)
        if self.attempts is not None:
            self.attempts.broken_off(used)
        try:
            record.close(
                traffic.RequestAborted, status=200 if self.door.answered else 0, code="client_left", stage=self.stage
            )
        except Unavailable:
            log.warning("log queue full, nothing owed request=%s", record.request_id)


def relay_for(plan: Plan, screening: StreamScreening, *, include_usage: bool) -> Relay:
    """What the policy's mode for streams asks for."""
    mode, keep = plan.policy.stream, plan.route.capture
    if mode in ("hold", "buffer"):
        return HoldingRelay(screening, include_usage, keep=keep, whole=mode == "buffer")
    return Relay(screening, include_usage, keep=keep, stops=mode == "stop")


def _put_back(slots: list[TextSlot], texts: list[str]) -> None:
    for slot, text in zip(slots, texts, strict=True):
        slot.holder[slot.key] = text
