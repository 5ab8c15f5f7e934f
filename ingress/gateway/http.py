"""The data plane over HTTP: an explicit list of routes."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from ingress.codecs.openai_chat import error_body
from ingress.gateway.answers import answer_error, answer_headers
from ingress.gateway.door import Door
from ingress.gateway.metrics import families
from ingress.gateway.parts import Parts
from ingress.gateway.pipeline import Pipeline
from ingress.gateway.record import Record
from schemas.errors import CallerError, NexusError, NotFound, Unavailable
from schemas.exposition import CONTENT_TYPE, text_of
from schemas.facts import traffic

log = logging.getLogger(__name__)

Handler = Callable[[Door], Awaitable[None]]


class MethodNotAllowed(CallerError):
    """The path exists, for another method."""

    status = 405
    code = "method_not_allowed"


class Gateway:
    """Hands each request to what its path and method name."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pipeline = Pipeline(parts)
        self.draining = False
        """Set when the process has been told to stop: balancers should look elsewhere."""
        self._routes: dict[str, dict[str, Handler]] = {
            "/v1/chat/completions": {"POST": self._pipeline.chat_completions},
            "/v1/models": {"GET": self._models},
            "/health": {"GET": self._health},
            "/ready": {"GET": self._ready},
            "/metrics": {"GET": self._metrics},
        }

    async def handle(self, door: Door) -> None:
        methods = self._routes.get(door.path)
        if methods is None:
            unknown = NotFound(f"Unknown path: {door.method} {door.path[:200]}", code="unknown_path")
            self._plain_answer(door, unknown.status, error_body(unknown))
            return
        handler = methods.get(door.method)
        if handler is None:
            allowed = ", ".join(methods)
            error = MethodNotAllowed(f"This path takes {allowed}.")
            self._plain_answer(door, error.status, error_body(error), [("allow", allowed)])
            return
        await handler(door)

    def _record(self) -> Record:
        parts = self._parts
        return Record(parts.writers, parts.clock, parts.opened, parts.ids.new())

    def _plain_answer(self, door: Door, status: int, body: bytes, extra: Sequence[tuple[str, str]] = ()) -> None:
        """Answers what is no request for a model; it leaves no fact."""
        door.answer(status, [*answer_headers(self._record(), "", "application/json"), *extra], body)

    async def _models(self, door: Door) -> None:
        """The models that the key may name, in the shape of the OpenAI API."""
        parts = self._parts
        record = self._record()
        record.operation = "models.list"
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
            answer_error(door, record, error, "")
            return
        models = [
            {"id": model.id, "object": "model", "created": 0, "owned_by": model.account}
            for model in caller.tenant.table.models.values()
            if caller.may_use(model.id) or caller.may_use(model.name)
        ]
        door.answer(
            200,
            answer_headers(record, "", "application/json"),
            msgspec.json.encode({"object": "list", "data": models}),
        )

    async def _health(self, door: Door) -> None:
        self._plain_answer(door, 200, b'{"status":"ok"}')

    async def _metrics(self, door: Door) -> None:
        """For Prometheus; of nobody in particular, see there."""
        headers = answer_headers(self._record(), "", CONTENT_TYPE)
        door.answer(200, headers, text_of(families(self._parts)))

    async def _ready(self, door: Door) -> None:
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
