"""What a key can ask about itself without a model being called: models, usage, estimates. No request is served here."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from ingress.codecs.codec import CallerCodec
from ingress.codecs.shots import ShotFront, parse_shot
from ingress.gateway import models
from ingress.gateway.answers import answer_error, answer_headers
from ingress.gateway.authenticate import Caller
from ingress.gateway.counting import tokens_of
from ingress.gateway.door import Door
from ingress.gateway.estimates import estimate, read
from ingress.gateway.own_usage import usage_of
from ingress.gateway.parts import Parts
from ingress.gateway.plan import make_plan, unknown_model
from ingress.gateway.record import Record
from ingress.tokenizing.encodings import NAMES
from schemas.conversation.answer import Counted
from schemas.errors import NexusError, Unavailable
from schemas.facts import traffic
from schemas.routing.choose import choose
from schemas.tokens import family_of
from schemas.wires import WIRES

log = logging.getLogger(__name__)

Answer = Callable[[Caller], Awaitable[dict[str, Any]]]


class Desk:
    """Answers keys that are valid; only a key that is not leaves a fact."""

    def __init__(self, parts: Parts, prefixes: tuple[str, ...]) -> None:
        self._parts = parts
        self._prefixes = prefixes

    async def models(self, door: Door, codec: CallerCodec, said: dict[str, Any]) -> None:
        """The models that the key may name, or one of them, in the shape of the protocol that asks."""

        async def told(caller: Caller) -> dict[str, Any]:
            return _models(caller, codec, said)

        await self._answer(door, codec, "models.list", told)

    async def usage(self, door: Door, codec: CallerCodec) -> None:
        """The key's own limits and how far they are used."""
        parts = self._parts

        async def told(caller: Caller) -> dict[str, Any]:
            return await usage_of(caller, parts.leases, parts.limits, parts.clock.now_us())

        await self._answer(door, codec, "usage", told)

    async def estimate(self, door: Door, codec: CallerCodec) -> None:
        """What a request would come to; it counts for the rate limit as one."""
        parts = self._parts

        async def told(caller: Caller) -> dict[str, Any]:
            parts.switches.admit(caller)
            parts.limits.admit(caller.key)
            raw = await door.body(parts.settings.max_request_bytes, parts.settings.body_timeout_s)
            request = read(raw, messages=bool(door.header("anthropic-version")), prefixes=self._prefixes)
            strict = door.header("x-nexus-strict").lower() == "true"
            return await estimate(caller, request, parts.calibration, parts.encodings, strict=strict)

        await self._answer(door, codec, "estimate", told)

    async def count(self, door: Door, front: ShotFront, said: dict[str, Any]) -> bool:
        """Counts a prompt's tokens for a model whose provider has no operation for it and whose vocabulary is public.

        Returns:
            False when it is another's to answer, who finds the request as it was.
        """
        parts = self._parts
        record = Record(parts.writers, parts.clock, parts.opened, parts.ids, front.operation)
        body = b""
        try:
            caller = parts.authenticator.identify(door.header, record.started_us)
            body = await door.body(parts.settings.max_request_bytes, parts.settings.body_timeout_s)
            request = parse_shot(body, front, said)
            plan = make_plan(caller, request)
            target = choose(caller.tenant.table, plan.route, request.model, lambda account: True).targets[0]
        except NexusError:
            # told by whom it is left to, and put on the record there
            if body:
                door.give_back(body)
            return False
        upstream, model = target.model.upstream_name, target.model
        if WIRES[target.provider.wire].count_tokens is not None or family_of(upstream) not in NAMES:
            door.give_back(body)
            return False
        record.summary.account, record.summary.model = target.provider.id, model.id
        try:
            parts.switches.admit(caller, plan.route)
            parts.limits.admit(caller.key)
            told = await tokens_of(request, upstream, parts.encodings, parts.calibration, model.tenant, model.id)
        except NexusError as error:
            answer_error(door, record, front.codec, error, "")
            return True
        answer = front.shot.write_answer(Counted(tokens=told.tokens), request.ask())
        headers = answer_headers(record, "", "application/json")
        headers.append(("x-nexus-tokens", "exact" if told.exact else f"estimated; error={told.error:.3f}"))
        door.answer(200, headers, msgspec.json.encode(answer))
        return True

    async def _answer(self, door: Door, codec: CallerCodec, operation: str, told: Answer) -> None:
        parts = self._parts
        record = Record(parts.writers, parts.clock, parts.opened, parts.ids, operation)
        try:
            caller = parts.authenticator.identify(door.header, record.started_us)
        except NexusError as error:
            try:
                record.close(
                    traffic.RequestRefused,
                    status=error.status,
                    code=error.error_code,
                    stage="authenticate",
                    awaited=True,
                )
                await record.acknowledged()
            except Unavailable as unavailable:
                error = unavailable
            answer_error(door, record, codec, error, "")
            return
        try:
            body = msgspec.json.encode(await told(caller))
        except NexusError as error:
            answer_error(door, record, codec, error, "")
            return
        except Exception:
            # a defect of ours: whoever asked is told that it is none of theirs, as with a request for a model
            log.exception("request failed request=%s operation=%s", record.request_id, operation)
            answer_error(door, record, codec, NexusError("Nexus failed to handle the request."), "")
            return
        door.answer(200, answer_headers(record, "", "application/json"), body)


def _models(caller: Caller, codec: CallerCodec, said: dict[str, Any]) -> dict[str, Any]:
    """All models, or the one that the path names."""
    of_all, of_one = {
        "anthropic": (models.anthropic_list, models.anthropic_model),
        "gemini": (models.gemini_list, models.gemini_model),
    }.get(codec.name, (models.openai_list, models.openai_model))
    if "model" not in said:
        return of_all(models.visible(caller))
    model = models.named(caller, said["model"])
    if model is None:
        raise unknown_model(said["model"], caller)
    return of_one(model)
