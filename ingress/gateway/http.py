"""The data plane over HTTP: an explicit list of operations; which path names which is in `paths`."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from ingress.codecs.codec import CallerCodec
from ingress.codecs.fronts import COMPLETIONS, GENERATE, MESSAGES, RESPONSES
from ingress.codecs.openai_chat import CODEC
from ingress.codecs.shot_fronts import COUNT_TOKENS, EMBEDDINGS, GEMINI_COUNT, GEMINI_EMBED, MODERATIONS, RERANK
from ingress.codecs.shots import ShotFront
from ingress.gateway.answers import answer_headers
from ingress.gateway.desk import Desk
from ingress.gateway.door import Door
from ingress.gateway.metrics import families
from ingress.gateway.parts import Parts
from ingress.gateway.paths import find, not_served
from ingress.gateway.pipeline import Pipeline
from ingress.gateway.record import Record
from schemas.error_codes import kind_of
from schemas.errors import CallerError, NexusError, NotFound
from schemas.exposition import CONTENT_TYPE, text_of

log = logging.getLogger(__name__)

Handler = Callable[[Door, dict[str, Any]], Awaitable[None]]
"""Takes what the path says instead of the body."""


class MethodNotAllowed(CallerError):
    """The path exists, for another method."""

    status = 405
    code = "method_not_allowed"


class NotServed(CallerError):
    """A provider's operation that this gateway has no way for."""

    status = 501
    code = "not_implemented"


def protocol_of(door: Door) -> CallerCodec:
    """The protocol that errors are told in before a request has been read: by its path, or by its client's headers."""
    if "/v1beta/" in door.path or door.header("x-goog-api-key"):
        return GENERATE.codec
    if "/v1/messages" in door.path or door.header("anthropic-version"):
        return MESSAGES.codec
    return CODEC


class Gateway:
    """Hands each request to what its path and method name."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pipeline = Pipeline(parts)
        self.draining = False
        """Set when the process has been told to stop: balancers should look elsewhere."""
        pipeline = self._pipeline
        self._prefixes = tuple(each.rstrip("/") for each in parts.settings.prefixes.split(",") if each)
        desk = Desk(parts, self._prefixes)
        models: tuple[str, Handler] = ("GET", lambda door, said: desk.models(door, protocol_of(door), said))
        self._operations: dict[str, tuple[str, Handler]] = {
            "chat_completions": ("POST", pipeline.chat_completions),
            "responses": ("POST", lambda door, said: pipeline.conversation(door, RESPONSES, said)),
            "messages": ("POST", lambda door, said: pipeline.conversation(door, MESSAGES, said)),
            "generate_content": ("POST", lambda door, said: pipeline.conversation(door, GENERATE, said)),
            "completions": ("POST", lambda door, said: pipeline.conversation(door, COMPLETIONS, said)),
            "embeddings": self._shot(EMBEDDINGS),
            "moderations": self._shot(MODERATIONS),
            "rerank": self._shot(RERANK),
            "count_tokens": self._count(COUNT_TOKENS, desk),
            "gemini_embed": self._shot(GEMINI_EMBED),
            "gemini_batch_embed": self._shot(GEMINI_EMBED),
            "gemini_count_tokens": self._count(GEMINI_COUNT, desk),
            "models": models,
            "model": models,
            "gemini_models": models,
            "gemini_model": models,
            "usage": ("GET", lambda door, said: desk.usage(door, protocol_of(door))),
            "estimate": ("POST", lambda door, said: desk.estimate(door, protocol_of(door))),
            "health": ("GET", self._health),
            "ready": ("GET", self._ready),
            "metrics": ("GET", self._metrics),
        }

    def _shot(self, front: ShotFront) -> tuple[str, Handler]:
        return "POST", lambda door, said: self._pipeline.shot(door, front, said)

    def _count(self, front: ShotFront, desk: Desk) -> tuple[str, Handler]:
        """Nexus counts itself where the provider cannot be asked."""

        async def counted(door: Door, said: dict[str, Any]) -> None:
            if not await desk.count(door, front, said):
                await self._pipeline.shot(door, front, said)

        return "POST", counted

    async def handle(self, door: Door) -> None:
        found = find(door.path, self._prefixes)
        known = None if found is None else self._operations.get(found.operation)
        if found is None and (family := not_served(door.path, self._prefixes)):
            missing = NotServed(f"Nexus does not serve {family}; ask the provider for it directly.")
            self._plain_error(door, protocol_of(door), missing)
            return
        if found is None or known is None:
            unknown = NotFound(f"Unknown path: {door.method} {door.path[:200]}", code="unknown_path")
            self._plain_error(door, protocol_of(door), unknown)
            return
        method, handler = known
        if door.method != method:
            error = MethodNotAllowed(f"This path takes {method}.")
            self._plain_error(door, protocol_of(door), error, [("allow", method)])
            return
        await handler(door, found.said)

    def _record(self) -> Record:
        parts = self._parts
        return Record(parts.writers, parts.clock, parts.opened, parts.ids)

    def _plain_error(
        self, door: Door, codec: CallerCodec, error: NexusError, extra: Sequence[tuple[str, str]] = ()
    ) -> None:
        kind = ("x-nexus-error", kind_of(error.error_code, error.status))
        self._plain_answer(door, error.status, codec.write_error(error), [kind, *extra])

    def _plain_answer(self, door: Door, status: int, body: bytes, extra: Sequence[tuple[str, str]] = ()) -> None:
        """Answers what is no request for a model; it leaves no fact."""
        door.answer(status, [*answer_headers(self._record(), "", "application/json"), *extra], body)

    async def _health(self, door: Door, said: dict[str, Any]) -> None:
        self._plain_answer(door, 200, b'{"status":"ok"}')

    async def _metrics(self, door: Door, said: dict[str, Any]) -> None:
        """For Prometheus; of nobody in particular, see there."""
        headers = answer_headers(self._record(), "", CONTENT_TYPE)
        door.answer(200, headers, text_of(families(self._parts)))

    async def _ready(self, door: Door, said: dict[str, Any]) -> None:
        """503 while requests could not be served on the record; always says how old the configuration may be, and
        whether what the log acknowledges would outlive a power cut (and for what reason not)."""
        parts = self._parts
        age = parts.configuration.age_s
        durability = parts.durability.standing
        problems = []
        if self.draining:
            problems.append("draining")
        if not all(writer.healthy for writer in parts.writers):
            problems.append("the log does not acknowledge")
        if age > parts.settings.config_stale_s:
            problems.append("configuration is stale")
        body = {
            "status": "not ready" if problems else "ready",
            "problems": problems,
            "config_position": f"CONFIG:{parts.configuration.sequence}",
            "config_age_s": round(age, 3),
            "open_requests": parts.opened.count,
            "log_queue_bytes": sum(writer.queued_bytes for writer in parts.writers),
            "durable": durability.durable,
            "reason": durability.reason,
        }
        again = [("retry-after", "1")] if problems else []
        self._plain_answer(door, 503 if problems else 200, msgspec.json.encode(body), again)
