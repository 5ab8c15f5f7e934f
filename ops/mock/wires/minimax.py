"""MiniMax's chat. Source: MiniMax API reference, "ChatCompletion v2".

Its errors come with status 200 and are told in ``base_resp``; its streams end with the whole message once more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ops.mock import wire
from ops.mock.behaviour import Behaviour
from ops.mock.refusal import Refusal
from ops.mock.request import decode
from ops.mock.wire import Stamp
from ops.mock.wires.openai_chat import asked_of, call_id
from ops.mock.wires.saying import Said, compose
from ops.mock.wires.speaking import Incoming, Reply, Speaker, Wanted, bearer, operation, sse

_CODES = {401: 1004, 403: 1004, 404: 2013, 408: 1001, 429: 1002, 500: 1013, 503: 1013, 504: 1001}
_FINE = {"status_code": 0, "status_msg": ""}


def _chat(incoming: Incoming) -> Wanted:
    request = decode(incoming.body)
    raw = msgspec.json.decode(incoming.body)
    if request.temperature is not None and not 0 < request.temperature <= 1:
        raise Refusal(400, "invalid params, param 'temperature' should be in (0,1]")
    for message in request.messages:
        if message.role in ("developer", "function"):
            raise Refusal(400, f"invalid params, invalid role: {message.role}")
    asked = asked_of(request, raw)

    def make(behaviour: Behaviour, stamp: Stamp) -> Reply:
        said = compose(asked, behaviour)
        counts: dict[str, Any] = {"prompt_tokens": said.prompt_tokens, "completion_tokens": said.completion_tokens}
        if asked.stream:
            groups = _events(said, stamp, request.model, behaviour.no_usage)
            return Reply(groups=groups, tokens=said.steps, **counts)
        return Reply(wire.encode(_whole(said, stamp, request.model, behaviour.no_usage)), **counts)

    return Wanted(request.model, make, asked.stream)


def _calls(said: Said, stamp: Stamp) -> list[dict[str, Any]]:
    return [
        {
            "id": call_id(stamp, 0, at),
            "type": "function",
            "function": {"name": call.name, "arguments": "".join(call.pieces)},
        }
        for at, call in enumerate(said.calls)
    ]


def _whole(said: Said, stamp: Stamp, model: str, no_usage: bool) -> dict[str, Any]:
    message: dict[str, Any] = {"content": said.text, "role": "assistant", "name": "MiniMax AI", "audio_content": ""}
    if said.thoughts:
        message["reasoning_content"] = said.thought
    if said.calls:
        message["tool_calls"] = _calls(said, stamp)
    body: dict[str, Any] = {
        "id": stamp.ident.decode(),
        "choices": [{"finish_reason": said.finish, "index": 0, "message": message}],
        "created": stamp.created,
        "model": model,
        "object": "chat.completion",
        "input_sensitive": False,
        "output_sensitive": False,
        "base_resp": _FINE,
    }
    if not no_usage:
        body["usage"] = {
            "total_tokens": said.prompt_tokens + said.completion_tokens,
            "total_characters": 0,
            "prompt_tokens": said.prompt_tokens,
            "completion_tokens": said.completion_tokens,
            "completion_tokens_details": {"reasoning_tokens": said.thought_tokens},
        }
    return body


def _events(said: Said, stamp: Stamp, model: str, no_usage: bool) -> Iterator[list[bytes]]:
    def chunk(delta: dict[str, Any]) -> list[bytes]:
        told = {"role": "assistant", "name": "MiniMax AI", **delta}
        return [
            sse("", {"id": stamp.ident.decode(), "choices": [{"index": 0, "delta": told}], "created": stamp.created,
                     "model": model, "object": "chat.completion.chunk"})
        ]  # fmt: skip

    for piece in said.thoughts:
        yield chunk({"content": "", "reasoning_content": piece})
    for at, (call, told) in enumerate(zip(said.calls, _calls(said, stamp), strict=True)):
        told = {**told, "index": at, "function": {"name": call.name, "arguments": ""}}
        yield chunk({"content": "", "tool_calls": [told]})
        for piece in call.pieces:
            yield chunk({"content": "", "tool_calls": [{"index": at, "function": {"arguments": piece}}]})
    for piece in said.pieces:
        yield chunk({"content": piece})
    yield [sse("", _whole(said, stamp, model, no_usage))]


def _authorise(incoming: Incoming) -> None:
    if not bearer(incoming.headers) or bearer(incoming.headers).startswith("sk-bad"):
        raise Refusal(401, "login fail: Please carry the API secret key in the 'Authorization' field of the request")


def _error(refusal: Refusal, ident: str) -> bytes:
    code = _CODES.get(refusal.status, 1013 if refusal.status >= 500 else 2013)
    return wire.encode({"base_resp": {"status_code": code, "status_msg": refusal.message}})


SPEAKER = Speaker(
    operations=(operation("POST", "/v1/text/chatcompletion_v2", _chat),),
    authorise=_authorise,
    error=_error,
    error_status=lambda refusal: 200,
)
