"""Asks a guard model through a route of Nexus itself: a request of its own, with facts, budget and circuit of its own.

It is made under the key of the request it judges, as the operation `hook.classify`, and is neither screened nor asked
about by hooks: what it carries has been or is being judged, and a hook must not ask itself.
"""

from __future__ import annotations

import asyncio

from ingress.codecs.asked import Asked
from ingress.codecs.openai_chat import parse_request
from ingress.codecs.shot_fronts import MODERATIONS
from ingress.codecs.shots import ShotRequest, parse_shot
from ingress.gateway.attempts import Attempts
from ingress.gateway.authenticate import Caller
from ingress.gateway.hooks import HookFailed
from ingress.gateway.parts import Parts
from ingress.gateway.plan import offering
from ingress.gateway.record import Record
from schemas.conversation.answer import Moderation
from schemas.conversation.parts import Text
from schemas.errors import InvalidRequest, NexusError
from schemas.facts import traffic
from schemas.facts.traffic import Usage
from schemas.hooks.decision import Finding, Seen
from schemas.hooks.hook import Hook
from schemas.hooks.replies import guard_finding, guard_request, moderation_finding, moderation_request
from schemas.outside_words import fit_code
from schemas.routing.choose import choose, match_route

OPERATION = "hook.classify"


class Classifier:
    """Asks the models that hooks name."""

    def __init__(self) -> None:
        self.parts: Parts | None = None
        """Of the gateway, of which this is one; told once all of them are there."""

    async def ask(self, caller: Caller, hook: Hook, seen: Seen, request: str) -> Finding | None:
        """What the model says of the texts; there is nothing to say of none.

        Raises:
            HookFailed: it could not be asked. The record of the attempt says why.
            BadReply: it did not judge.
        """
        if not any(seen.texts):
            return None
        assert self.parts is not None
        parts = self.parts
        asked = _asked(hook, seen, moderating=hook.options.api == "moderations")
        record = Record(parts.writers, parts.clock, parts.opened, parts.ids, OPERATION)
        record.identify(caller)
        summary = record.summary
        summary.model_requested = asked.model
        summary.subject = parts.vault.pseudonym(record.tenant, caller.key.owner or caller.key.id)
        size = sum(len(text.encode()) for text in seen.texts)
        attempts: Attempts | None = None
        try:
            route = match_route(caller.tenant.table, asked.model)
            if route is None:
                raise HookFailed("no route is for its model")
            parts.switches.admit(caller, route)
            summary.route = route.id
            record.accept(
                traffic.RequestAccepted(
                    summary.key_id, summary.key_prefix, summary.subject, OPERATION, asked.model, False, size,
                    route.durability, parts.configuration.sequence,
                )
            )  # fmt: skip
            choice = choose(
                caller.tenant.table, route, asked.model, lambda account: parts.circuits.allows(record.tenant, account)
            )
            if isinstance(asked, ShotRequest):
                try:
                    choice = offering(choice, asked, caller.tenant.table)
                except InvalidRequest:  # no provider of the model moderates: then it is asked as a guard model is
                    asked = _asked(hook, seen, moderating=False)
            attempts = Attempts(
                record, caller, asked, choice, size,
                leases=parts.leases, circuits=parts.circuits, secrets=parts.credentials, asked=dict, clock=parts.clock,
            )  # fmt: skip
            await attempts.reserve(choice.targets[0])
            record.commit(watched=True)
            await record.published()
            attempt = await attempts.run(parts.calls.send)
            answer = attempt.outgoing.codec.read_answer(attempt.answer)
            attempts.ended("ok", 200)
            said = ""
            if not isinstance(answer, Moderation):
                said = "".join(part.text for part in answer.choices[0].parts if isinstance(part, Text))
                summary.finish_reason = answer.choices[0].finish
            used = getattr(answer, "usage", None) or Usage(max(1, size // 4), -(-len(said) // 4), estimated=True)
            attempts.settle(attempt.target, used)
            record.close(traffic.RequestCompleted, status=200)
        except (NexusError, ValueError, IndexError) as problem:
            code = fit_code(problem.error_code, seen.texts) if isinstance(problem, NexusError) else "upstream_malformed"
            _end(record, attempts, traffic.RequestRefused, code)
            raise HookFailed(f"its model could not be asked: {code}") from None
        except asyncio.CancelledError:
            _end(record, attempts, traffic.RequestAborted, "hook_timeout")
            raise
        return (
            moderation_finding(hook, answer.verdicts) if isinstance(answer, Moderation) else guard_finding(hook, said)
        )


def _asked(hook: Hook, seen: Seen, *, moderating: bool) -> Asked:
    if moderating:
        return parse_shot(moderation_request(hook, seen), MODERATIONS)
    return parse_request(guard_request(hook, seen))


def _end(record: Record, attempts: Attempts | None, kind: type[traffic.Terminal], code: str) -> None:
    if attempts is not None:
        attempts.broken_off(None)
    if record.accepted:
        record.close(kind, code=code, stage="call")
