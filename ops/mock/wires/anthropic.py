"""Anthropic's API: messages, token counts, models. Source: Claude API reference, "Messages", "Streaming", "Errors"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ops.mock import wire
from ops.mock.behaviour import Behaviour
from ops.mock.refusal import Refusal
from ops.mock.wire import Stamp
from ops.mock.wires.anthropic_request import NEWEST, Request, asked_of, read_counted, read_request
from ops.mock.wires.saying import Said, compose, prompt_tokens
from ops.mock.wires.speaking import Incoming, Reply, Speaker, Wanted, bearer, operation, page, signature_of, sse

_STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_LISTED = ("claude-sonnet-4-5", "claude-haiku-4-5")
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def read_message(incoming: Incoming) -> Wanted:
    request = read_request(incoming.body, incoming.header(b"anthropic-version"))
    asked = asked_of(request)

    def make(behaviour: Behaviour, stamp: Stamp) -> Reply:
        said = compose(asked, behaviour)
        counts: dict[str, Any] = {"prompt_tokens": said.prompt_tokens, "completion_tokens": said.completion_tokens}
        if request.stream:
            return Reply(groups=_events(request, said, stamp, behaviour.no_usage), tokens=said.steps, **counts)
        message = _message(request, said, stamp, _blocks(said, stamp))
        message["stop_reason"] = _STOPS[said.finish]
        message["usage"] = {} if behaviour.no_usage else _usage(said, said.completion_tokens)
        if behaviour.no_usage:
            del message["usage"]
        return Reply(wire.encode(message), **counts)

    return Wanted(request.model, make, request.stream is True)


def _usage(said: Said, output: int) -> dict[str, Any]:
    return {
        "input_tokens": said.prompt_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output,
        "output_tokens_details": {"thinking_tokens": said.thought_tokens},
        "service_tier": "standard",
    }


def _message(request: Request, said: Said, stamp: Stamp, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"msg_{stamp.ident.decode()}",
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": content,
        "stop_reason": None,
        "stop_sequence": None,
    }


def _blocks(said: Said, stamp: Stamp) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if said.thoughts:
        found.append({"type": "thinking", "thinking": said.thought, "signature": signature_of(said.thought)})
    if said.pieces:
        found.append({"type": "text", "text": said.text})
    for index, call in enumerate(said.calls):
        ident = f"toolu_{stamp.ident.decode()}{index:02x}"
        found.append({"type": "tool_use", "id": ident, "name": call.name, "input": call.arguments})
    return found


def _events(request: Request, said: Said, stamp: Stamp, no_usage: bool) -> Iterator[list[bytes]]:
    message = _message(request, said, stamp, [])
    if not no_usage:
        message["usage"] = _usage(said, 1)
    opening = [_event("message_start", message=message)]
    calls = iter(said.calls)
    for index, block in enumerate(_blocks(said, stamp)):
        empty: dict[str, Any]
        if block["type"] == "thinking":
            field, pieces, empty = "thinking", said.thoughts, {**block, "thinking": "", "signature": ""}
        elif block["type"] == "text":
            field, pieces, empty = "text", said.pieces, {**block, "text": ""}
        else:
            field, pieces, empty = "partial_json", ("", *next(calls).pieces), {**block, "input": {}}
        opening.append(_event("content_block_start", index=index, content_block=empty))
        if index == 0:
            opening.append(_event("ping"))
        yield opening
        kind = {"partial_json": "input_json"}.get(field, field) + "_delta"
        for piece in pieces:
            yield [_event("content_block_delta", index=index, delta={"type": kind, field: piece})]
        opening = []
        if block["type"] == "thinking":
            signed = {"type": "signature_delta", "signature": block["signature"]}
            opening.append(_event("content_block_delta", index=index, delta=signed))
        opening.append(_event("content_block_stop", index=index))
    closing: dict[str, Any] = {"delta": {"stop_reason": _STOPS[said.finish], "stop_sequence": None}}
    if not no_usage:
        closing["usage"] = {"output_tokens": said.completion_tokens}
    yield [*opening, _event("message_delta", **closing), _event("message_stop")]


def _event(kind: str, **data: Any) -> bytes:
    return sse(kind, {"type": kind, **data})


def read_count(incoming: Incoming) -> Wanted:
    request = read_counted(incoming.body)
    tokens = prompt_tokens(asked_of(request))
    return Wanted(request.model, lambda _, __: Reply(wire.encode({"input_tokens": tokens})))


def _model(name: str) -> dict[str, Any]:
    return {"type": "model", "id": name, "display_name": name, "created_at": "2025-01-01T00:00:00Z"}


def _models(incoming: Incoming) -> Wanted:
    data = [_model(name) for name in _LISTED]
    return page({"data": data, "has_more": False, "first_id": _LISTED[0], "last_id": _LISTED[-1]})


def _one_model(incoming: Incoming) -> Wanted:
    if incoming.path["model"].startswith("unknown"):
        raise Refusal(404, f"model: {incoming.path['model']}")
    return page(_model(incoming.path["model"]))


def _authorise(incoming: Incoming) -> None:
    key = incoming.header(b"x-api-key") or bearer(incoming.headers)
    if not key:
        raise Refusal(401, "x-api-key header is required")
    if key.startswith("sk-bad"):
        raise Refusal(401, "invalid x-api-key")
    version = incoming.header(b"anthropic-version")
    if not version:
        raise Refusal(400, "anthropic-version: header is required")
    if version not in ("2023-01-01", "2023-06-01", NEWEST):
        raise Refusal(400, f'anthropic-version: "{version[:40]}" is not a valid version')


def error(refusal: Refusal, ident: str) -> bytes:
    kind = _KINDS.get(refusal.status, "api_error" if refusal.status >= 500 else "invalid_request_error")
    told = {"type": kind, "message": refusal.message}
    return wire.encode({"type": "error", "error": told, "request_id": ident})


SPEAKER = Speaker(
    operations=(
        operation("POST", "/v1/messages", read_message),
        operation("POST", "/v1/messages/count_tokens", read_count),
        operation("GET", "/v1/models", _models, listed=True),
        operation("GET", "/v1/models/{model*}", _one_model, listed=True),
    ),
    authorise=_authorise,
    error=error,
    error_lines=lambda _, ident: b"request-id: %s\r\n" % ident.encode(),
)
