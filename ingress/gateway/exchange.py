"""One request under way: everything before the call, and the steps that every answer takes. Other ends: `way_out`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ingress.codecs.answered import Answered
from ingress.codecs.asked import Asked
from ingress.codecs.codec import CallerCodec, Malformed
from ingress.codecs.passage import Stamp
from ingress.gateway import hooked
from ingress.gateway.answers import hook_of
from ingress.gateway.attempts import Attempt, Attempts
from ingress.gateway.authenticate import Caller
from ingress.gateway.door import Door
from ingress.gateway.parts import Parts
from ingress.gateway.plan import Plan, around, make_plan, person_of, refuse_opaque, settle_on
from ingress.gateway.record import Record, log_unavailable
from ingress.gateway.relay import Relay
from projections.screening import redact, screened
from projections.screening.aside import is_small
from projections.vault.errors import Erased
from schemas.errors import Blocked, ProviderError
from schemas.facts import traffic
from schemas.facts.traffic import RequestAccepted, Usage
from schemas.outside_words import fit_model
from schemas.routing.choose import Choice
from schemas.screening.model import Verdict, strictness
from schemas.screening.redaction import BrokenJson
from schemas.screening.reversible import Tokens, tokenise
from schemas.text import TextSlot, tools_among
from schemas.tokens import family_of, has_media, measure, most_beside_texts, most_tokens, probable_tokens, utf8_bytes


class Exchange:
    """One request under way. `begin`, then what delivers the answer; or `way_out`, when that did not end well."""

    request: Asked
    plan: Plan
    caller: Caller
    attempts: Attempts | None = None
    relay: Relay | None = None
    tokens: Tokens | None = None
    """What stands for what was cut out of the request, to be put back into its answer."""
    under = ""
    """Id of the data key that sealed the request, and seals all that follows from it."""
    label = ""
    """What hooks have classified the request as."""

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
        self.hook = ""
        self.texts: list[str] = []
        """Of the prompt, as they came."""
        self.text_bytes = 0
        """Of those, in UTF-8."""

    async def begin(self) -> Attempts:
        """All that comes before the call."""
        parts, record, summary = self.parts, self.record, self.record.summary
        caller = parts.authenticator.identify(self.door.header, record.started_us)
        record.identify(caller)
        self.caller = caller

        self.stage = "kill"
        parts.switches.admit(caller)

        self.stage = "limits"
        parts.limits.admit(caller.key)
        body = await self.door.body(parts.settings.max_request_bytes, parts.settings.body_timeout_s)
        summary.request_bytes = len(body)

        self.stage = "parse"
        self.request = request = self.read(body)
        summary.model_requested = fit_model(request.model)
        summary.stream = request.stream
        plan = make_plan(caller, request)
        summary.route = plan.route.id

        self.stage = "kill"
        parts.switches.admit(caller, plan.route)
        bypass = parts.switches.bypass(caller, plan.route, request.model)
        if bypass.names:
            plan = around(plan, bypass)
        self.plan = plan
        if plan.policy.hooks:
            self.stage = "connection"
            await hooked.ask(self, "connection", request.texts())
        await self.accept(caller, request, plan, body)
        if bypass.names:
            record.note(traffic.RequestBypassed(tuple(sorted(bypass.names)), bypass.passthroughs))

        self.stage = "screen_request"
        if request.opaque:
            refuse_opaque(request, plan)
        await self.screen_request(request, plan)

        self.stage = "route"
        choice = settle_on(caller, plan, request, parts.circuits)
        if plan.policy.hooks:
            choice = hooked.keep_at_home(self, choice)

        self.stage = "reserve"
        self.attempts = attempts = self.attempts_for(caller, request, choice)
        await attempts.reserve(choice.targets[0])

        self.stage = "log"
        record.commit(watched=True)
        if plan.route.durability == "strict":
            await record.acknowledged()
        else:
            # a gateway killed from here on has still told the log; whether it is stored is awaited before the answer
            if not record.left:
                await record.published()
        return attempts

    # the steps -------------------------------------------------------------------------------------------------

    async def accept(self, caller: Caller, request: Asked, plan: Plan, body: bytes) -> None:
        """Takes the request on the record; what could not be recorded is not served."""
        parts, record, route = self.parts, self.record, plan.route
        summary = record.summary
        record.spool = route.on_log_failure == "spool"
        if not record.spool and not record.log_is_healthy:
            self.stage = "log"
            raise log_unavailable()
        summary.subject = parts.vault.pseudonym(record.tenant, person_of(caller, request))
        sealed = None
        if route.capture:
            sealed = self.sealed_now("request", body) or await self.sealed("request", body)
            self.under = sealed.key if sealed is not None else ""
        record.accept(
            RequestAccepted(
                summary.key_id,
                summary.key_prefix,
                summary.subject,
                summary.operation,
                summary.model_requested,
                request.stream,
                len(body),
                route.durability,
                parts.configuration.sequence,
                sealed,
            )
        )

    def sealed_now(self, part: str, body: bytes) -> traffic.SealedBody | None:
        """A body as the record keeps it, where the route captures them; None when that needs `sealed`."""
        record = self.record
        return self.parts.bodies.seal_now(
            record.tenant, record.summary.subject, record.request_id, part, body, self.under
        )

    async def sealed(self, part: str, body: bytes) -> traffic.SealedBody | None:
        """Of any body; None when the person was erased since the request began, and with them its answer."""
        record = self.record
        subject = record.summary.subject
        try:
            return await self.parts.bodies.seal(record.tenant, subject, record.request_id, part, body, self.under)
        except Erased:
            return None

    async def screen_request(self, request: Asked, plan: Plan) -> None:
        slots = request.texts()
        texts = [slot.text for slot in slots]
        self.texts = texts
        self.text_bytes = utf8_bytes(texts)
        if plan.route.placement == "inline" and is_small(texts):
            verdict: Verdict | None = self.judge("request", texts, plan, tools_among(slots))
        else:
            verdict = await self.verdict("request", texts, plan, tools_among(slots))
        if verdict is not None:
            if verdict.action == "block":
                raise self.blocked(verdict, "request")
            if verdict.action == "redact":
                try:
                    put_back(slots, await self.redacted(texts, verdict, plan))
                except BrokenJson:
                    raise self.unfit(verdict, "request") from None
        if plan.policy.hooks:
            await hooked.ask(self, "request", request.texts())

    async def redacted(self, texts: list[str], verdict: Verdict, plan: Plan) -> list[str]:
        """The texts of a request without what rules redact; where a policy says so, with tokens to be undone."""
        if not plan.policy.reversible:
            return redact(texts, verdict)
        cut, self.tokens = tokenise(texts, verdict)
        kept = msgspec.json.encode(self.tokens.originals)
        sealed = None
        if plan.route.capture:
            sealed = self.sealed_now("redactions", kept) or await self.sealed("redactions", kept)
        self.record.note(traffic.RedactionsKept(len(self.tokens.originals), sealed))
        return cut

    async def screen_response(
        self, answer: Answered, plan: Plan
    ) -> tuple[Verdict | None, list[TextSlot], dict[str, Any]]:
        try:
            decoded, slots = answer.decoded()
        except Malformed:
            raise ProviderError("The provider's answer could not be understood.", code="upstream_malformed") from None
        texts = [slot.text for slot in slots]
        if plan.route.placement == "inline" and is_small(texts):
            return self.judge("response", texts, plan, tools_among(slots)), slots, decoded
        return await self.verdict("response", texts, plan, tools_among(slots)), slots, decoded

    def judge(self, stage: str, texts: list[str], plan: Plan, tools: tuple[int, ...]) -> Verdict:
        """The verdict on small texts of one stage by placement `inline`, noted as a fact."""
        verdict = self.parts.screening.now(self.record.tenant, stage, texts, plan.screening(stage), tools)
        self.take(stage, texts, verdict)
        return verdict

    async def verdict(self, stage: str, texts: list[str], plan: Plan, tools: tuple[int, ...]) -> Verdict | None:
        """The verdict on one stage by any placement; None when a worker will look later."""
        record = self.record
        verdict = await self.parts.screening.verdict(
            plan.route.placement, record.tenant, record.request_id, stage, texts, plan.screening(stage), tools
        )
        if verdict is not None:
            self.take(stage, texts, verdict)
        return verdict

    def take(self, stage: str, texts: list[str], verdict: Verdict) -> None:
        """Notes a verdict as a fact."""
        self.record.note(screened(stage, verdict, sum(map(len, texts))))
        self.weigh(verdict)

    def weigh(self, verdict: Verdict) -> None:
        """Keeps the strictest of both directions for the summary and the header."""
        summary = self.record.summary
        if verdict.action != summary.action and strictness(verdict.action) >= strictness(summary.action or "approve"):
            summary.action, summary.rule = verdict.action, verdict.rule
            self.hook = hook_of(verdict)

    def blocked(self, verdict: Verdict, direction: str) -> Blocked:
        return Blocked(f"The {direction} was blocked by the compliance rule `{verdict.rule}`.")

    def unfit(self, verdict: Verdict, direction: str) -> Blocked:
        """What rules redact cannot be taken out of a JSON text so that it stays one: then it does not go on."""
        self.weigh(msgspec.structs.replace(verdict, action="block"))
        return Blocked(f"What the compliance rule `{verdict.rule}` redacts cannot be taken out of the {direction}.")

    def attempts_for(self, caller: Caller, request: Asked, choice: Choice) -> Attempts:
        parts = self.parts
        return Attempts(
            self.record,
            caller,
            request,
            choice,
            self.text_bytes,
            leases=parts.leases,
            circuits=parts.circuits,
            secrets=parts.credentials,
            asked=self.door.all_headers,
            clock=parts.clock,
            strict=choice.route.strict or self.door.header("x-nexus-strict").lower() == "true",
        )

    def stamp(self, attempt: Attempt[Any]) -> Stamp:
        """What an answer is called whose provider does not say."""
        return Stamp(self.record.request_id, attempt.target.model.name, self.record.started_us // 1_000_000)

    def estimated_usage(self, output: bytes | int) -> Usage:
        """Usage that the provider did not tell, marked as estimated; about four bytes of answer to a token."""
        size = output if isinstance(output, int) else len(output)
        factor = self.parts.calibration.of(self.record.tenant, self.record.summary.model).factor
        return Usage(max(1, round(self.probable_prompt() * factor)), -(-size // 4), estimated=True)

    def probable_prompt(self) -> int:
        """Tokens, by the tokenizer of the model's family."""
        family = family_of(self.record.summary.model.partition("/")[2])
        return probable_tokens(measure(self.texts), family, self.request.turns) + self.request.more_tokens

    def learn(self, usage: Usage | None) -> None:
        """Holds what the provider counted against the estimate, unless there was more to read than text."""
        if usage is None or not self.parts.calibration.due():
            return
        record, request = self.record, self.request
        if request.plain or not has_media(request.body):
            most = most_tokens(self.text_bytes, request.turns) + request.more_tokens
            if usage.input_tokens > most:
                most += most_beside_texts(request.body, record.summary.model, 0)
            self.parts.calibration.learn(
                record.tenant, record.summary.model, self.probable_prompt(), usage.input_tokens, most=most
            )


def put_back(slots: list[TextSlot], texts: list[str]) -> None:
    """Puts other texts where these were."""
    for slot, text in zip(slots, texts, strict=True):
        slot.holder[slot.key] = text
