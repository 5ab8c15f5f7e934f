"""Replicate's predictions of language models: waited for, polled, streamed. Source: Replicate HTTP API reference."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from ops.mock import wire
from ops.mock.behaviour import Behaviour
from ops.mock.refusal import Refusal
from ops.mock.wire import Stamp
from ops.mock.wires.saying import Asked, Said, compose
from ops.mock.wires.speaking import Incoming, Reply, Speaker, Wanted, bearer, complaint, decoded, operation

_MOST_KEPT = 256
_WAIT = re.compile(r"wait(?:=(\d+))?")


class Create(msgspec.Struct, forbid_unknown_fields=True):
    """Body of a new prediction; ``input`` has the fields that the model's own schema has."""

    input: dict[str, Any]
    stream: bool | None = None
    webhook: str | None = None
    webhook_events_filter: list[str] | None = None


_DECODER = msgspec.json.Decoder(Create)
_NUMBERS = ("temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty")
_COUNTS = ("max_tokens", "max_new_tokens", "max_completion_tokens", "seed")


def _refuse(problem: str) -> Refusal:
    found = complaint(problem)
    words = {"missing": "is required", "unknown": "is not allowed", "syntax": "is not JSON"}
    return Refusal(422, f"- {found.where or 'body'} {words.get(found.kind, found.text)}")


def _create(incoming: Incoming) -> Wanted:
    request = decoded(_DECODER, incoming.body, _refuse)
    given = request.input
    prompt, system = given.get("prompt"), given.get("system_prompt", "")
    if not isinstance(prompt, str):
        raise Refusal(422, "- input: prompt is required")
    for name in _NUMBERS:
        if name in given and not isinstance(given[name], (int, float)):
            raise Refusal(422, f"- input.{name}: Invalid type. Expected: number")
    for name in _COUNTS:
        if name in given and not (isinstance(given[name], int) and given[name] >= 0):
            raise Refusal(422, f"- input.{name}: Invalid type. Expected: integer")
    waits = incoming.header(b"prefer")
    if waits and not _WAIT.fullmatch(waits):
        raise Refusal(400, "The Prefer header must be wait or wait=n")
    model = f"{incoming.path['owner']}/{incoming.path['name']}"
    limit = next((given[name] for name in _COUNTS[:3] if given.get(name)), None)
    asked = Asked(model=model, limit=limit)
    if system:
        asked.message("system", str(system))
    asked.message("user", prompt)

    def make(behaviour: Behaviour, stamp: Stamp) -> Reply:
        said = compose(asked, behaviour)
        done = _prediction(model, given, said, stamp, incoming, behaviour.no_usage)
        kept = incoming.kept
        if len(kept) >= _MOST_KEPT:
            del kept[next(iter(kept))]
        kept[done["id"]] = wire.encode({"prediction": done, "polled": 0})
        told = done if waits else _at(done, "starting")
        return Reply(
            wire.encode(told), status=201, prompt_tokens=said.prompt_tokens, completion_tokens=said.completion_tokens
        )

    return Wanted(model, make)


def _prediction(
    model: str, given: dict[str, Any], said: Said, stamp: Stamp, incoming: Incoming, no_usage: bool
) -> dict[str, Any]:
    ident = stamp.ident.decode()
    at = datetime.fromtimestamp(stamp.created, UTC).isoformat().replace("+00:00", "Z")
    base = incoming.base + "/replicate"
    metrics: dict[str, Any] = {"predict_time": 0.01}
    if not no_usage:
        metrics |= {"input_token_count": said.prompt_tokens, "output_token_count": said.completion_tokens}
    return {
        "id": ident,
        "model": model,
        "version": "hidden",
        "input": given,
        "logs": "",
        "output": list(said.pieces),
        "data_removed": False,
        "error": None,
        "source": "api",
        "status": "succeeded",
        "created_at": at,
        "started_at": at,
        "completed_at": at,
        "urls": {
            "cancel": f"{base}/v1/predictions/{ident}/cancel",
            "get": f"{base}/v1/predictions/{ident}",
            "stream": f"{base}/v1/streams/{ident}",
            "web": f"{base}/p/{ident}",
        },
        "metrics": metrics,
    }


def _at(done: dict[str, Any], status: str) -> dict[str, Any]:
    """The same prediction before it was done."""
    return {**done, "status": status, "output": None, "completed_at": None, "metrics": {}}


def _known(incoming: Incoming) -> tuple[dict[str, Any], int]:
    kept = incoming.kept.get(incoming.path["id"])
    if kept is None:
        raise Refusal(404, "The requested resource could not be found.")
    found = msgspec.json.decode(kept)
    return found["prediction"], found["polled"]


def _get(incoming: Incoming) -> Wanted:
    """Once under way, then done."""
    done, polled = _known(incoming)
    incoming.kept[done["id"]] = wire.encode({"prediction": done, "polled": polled + 1})
    told = done if polled else _at(done, "processing")
    return Wanted("", lambda _, __: Reply(wire.encode(told)))


def _cancel(incoming: Incoming) -> Wanted:
    done, _ = _known(incoming)
    return Wanted("", lambda _, __: Reply(wire.encode(_at(done, "canceled"))))


def _stream(incoming: Incoming) -> Wanted:
    done, _ = _known(incoming)
    if "text/event-stream" not in incoming.header(b"accept"):
        raise Refusal(406, "The stream needs the header Accept: text/event-stream.")

    def events() -> Iterator[list[bytes]]:
        for at, piece in enumerate(done["output"]):
            lines = "".join(f"data: {line}\n" for line in piece.split("\n"))
            yield [f"event: output\nid: {done['id']}:{at}\n{lines}\n".encode()]
        yield [b"event: done\ndata: {}\n\n"]

    return Wanted(done["model"], lambda _, __: Reply(groups=events(), tokens=len(done["output"])), True)


def _authorise(incoming: Incoming) -> None:
    if not bearer(incoming.headers) or bearer(incoming.headers).startswith("sk-bad"):
        raise Refusal(401, "You did not pass a valid authentication token")


def _error(refusal: Refusal, ident: str) -> bytes:
    title = {401: "Unauthenticated", 404: "Not found", 422: "Input validation failed", 429: "Too many requests"}
    told = {"title": title.get(refusal.status, "Error"), "detail": refusal.message, "status": refusal.status}
    return wire.encode(told)


SPEAKER = Speaker(
    operations=(
        operation("POST", "/v1/models/{owner}/{name}/predictions", _create),
        operation("GET", "/v1/predictions/{id}", _get, listed=True),
        operation("POST", "/v1/predictions/{id}/cancel", _cancel, listed=True),
        operation("GET", "/v1/streams/{id}", _stream),
    ),
    authorise=_authorise,
    error=_error,
)
