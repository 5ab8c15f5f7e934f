"""OpenAI's chat where the fast path does not reach: several calls, thoughts, an inventory; also for its look-alikes.

Source: OpenAI API reference, "Create chat completion" and "The chat completion chunk object". ``reasoning_content`` is
not OpenAI's: it is where DeepSeek, Moonshot, GLM and vLLM put thoughts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ops.mock import wire
from ops.mock.behaviour import Behaviour
from ops.mock.refusal import Refusal, invalid_value
from ops.mock.request import ChatRequest, NamedTool, decode
from ops.mock.wire import Stamp
from ops.mock.wires.saying import Asked, Function, Said, compose
from ops.mock.wires.speaking import Incoming, Reply, Wanted, sse

_MEDIA = {"image_url": "image", "input_audio": "audio", "file": "file"}


def read_chat(incoming: Incoming, model: str = "") -> Wanted:
    """A chat request; ``model`` when the path says it."""
    body = incoming.body
    if model:
        body = wire.encode({"model": model, **_object(incoming.body)})
    request = decode(body)
    raw = _object(body)
    asked = asked_of(request, raw)
    with_usage = request.stream_options is not None and request.stream_options.include_usage is True

    def make(behaviour: Behaviour, stamp: Stamp) -> Reply:
        return reply(compose(asked, behaviour), stamp, asked.stream, with_usage, no_usage=behaviour.no_usage)

    return Wanted(request.model, make, asked.stream)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        decode(body)  # says what is wrong with it
        raise Refusal(400, "The body must be a JSON object.")
    return value


def asked_of(request: ChatRequest, raw: dict[str, Any]) -> Asked:
    """The neutral form of a checked request."""
    asked = Asked(
        model=request.model,
        functions=[Function(tool.function.name, tool.function.parameters) for tool in request.tools or ()],
        parallel=raw.get("parallel_tool_calls") is not False,
        stream=request.stream is True,
        limit=request.max_completion_tokens or request.max_tokens,
        choices=request.n or 1,
    )
    for index, (message, written) in enumerate(zip(request.messages, raw["messages"], strict=True)):
        asked.message(message.role, *message.texts())
        if isinstance(written.get("content"), list):
            for part in written["content"]:
                _part(asked, part, f"messages[{index}].content")
        if written.get("reasoning_content"):
            asked.seen.append("thought")
        if isinstance(written.get("content"), list):
            asked.seen += ["thought" for part in written["content"] if part["type"] == "thinking"]
        for call in message.tool_calls or ():
            _call(asked, call, f"messages[{index}].tool_calls")
        if message.role == "tool":
            asked.seen.append(f"result {message.tool_call_id}")
    choice = request.tool_choice
    asked.choice = f"={choice.function.name}" if isinstance(choice, NamedTool) else choice or "auto"
    form = request.response_format
    if form is not None and form.type != "text":
        asked.json = True
        asked.schema = form.json_schema.schema if form.json_schema is not None else None
    return asked


def _part(asked: Asked, part: dict[str, Any], where: str) -> None:
    kind = part["type"]
    if kind in ("text", "refusal", "thinking"):
        return
    if kind not in _MEDIA or not isinstance(part.get(kind), dict):
        raise invalid_value(where, f"{kind!r} is no content part")
    told = part[kind]
    data = told.get("url") if kind == "image_url" else told.get("data") or told.get("file_data") or "://file_id"
    if not isinstance(data, str):
        raise invalid_value(where, f"{kind} without its content")
    asked.media(_MEDIA[kind], "audio/" + str(told.get("format")), data)


def _call(asked: Asked, call: dict[str, object], where: str) -> None:
    function = call.get("function")
    if not isinstance(call.get("id"), str) or not isinstance(function, dict):
        raise invalid_value(where, "a call needs `id` and `function`")
    if not isinstance(function.get("arguments"), str):
        raise invalid_value(where, "`arguments` must be a string")
    asked.seen.append(f"call {function.get('name')}")


def usage_of(said: Said) -> dict[str, Any]:
    return {
        "prompt_tokens": said.prompt_tokens,
        "completion_tokens": said.completion_tokens,
        "total_tokens": said.prompt_tokens + said.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": said.thought_tokens, "audio_tokens": 0},
    }


def call_id(stamp: Stamp, choice: int, index: int, *, short: bool = False) -> str:
    if short:
        return f"{stamp.ident.decode()[-5:]}{choice:02x}{index:02x}"
    return f"call_{stamp.ident.decode()}{choice:02x}{index:02x}"


def reply(
    said: Said,
    stamp: Stamp,
    stream: bool,
    with_usage: bool,
    *,
    no_usage: bool,
    unasked: bool = False,
    whole: bool = False,
    parts: bool = False,
) -> Reply:
    """The answer in this format.

    Args:
        unasked: a stream's usage comes with its last choice, wanted or not.
        whole: a call in a stream comes in one piece.
        parts: thoughts come as parts of the content, and calls have short ids, as Mistral has them.
    """
    used = None if no_usage else usage_of(said)
    if stream:
        groups = _events(
            said, stamp, used, with_usage=with_usage and not unasked, unasked=unasked, whole=whole, parts=parts
        )
        return Reply(
            groups=groups,
            tokens=said.steps,
            prompt_tokens=said.prompt_tokens,
            completion_tokens=said.completion_tokens,
            broken=wire.broken_event(stamp),
        )
    choices = []
    for index in range(said.choices):
        message: dict[str, Any] = {"role": "assistant", "content": None if said.calls else said.text, "refusal": None}
        if said.thoughts and parts:
            message["content"] = [_thought(said.thought), *([{"type": "text", "text": said.text}] if said.text else [])]
        elif said.thoughts:
            message["reasoning_content"] = said.thought
        if said.calls:
            message["tool_calls"] = [
                {
                    "id": call_id(stamp, index, at, short=parts),
                    "type": "function",
                    "function": {"name": call.name, "arguments": "".join(call.pieces)},
                }
                for at, call in enumerate(said.calls)
            ]
        choices.append({"index": index, "message": message, "logprobs": None, "finish_reason": said.finish})
    body = {**_head(stamp, "chat.completion"), "choices": choices}
    if used is not None:
        body["usage"] = used
    return Reply(wire.encode(body), prompt_tokens=said.prompt_tokens, completion_tokens=said.completion_tokens)


def _thought(text: str) -> dict[str, Any]:
    """Source: Mistral API reference, "Chat Completion" (ThinkChunk)."""
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}


def _head(stamp: Stamp, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{stamp.ident.decode()}",
        "object": kind,
        "created": stamp.created,
        "model": msgspec.json.decode(stamp.model),
        "system_fingerprint": "fp_mock",
    }


def _events(
    said: Said,
    stamp: Stamp,
    used: dict[str, Any] | None,
    *,
    with_usage: bool,
    unasked: bool,
    whole: bool,
    parts: bool,
) -> Iterator[list[bytes]]:
    head = _head(stamp, "chat.completion.chunk")
    nothing: dict[str, Any] = {"usage": None} if with_usage else {}

    def deltas(delta: dict[str, Any], finish: str | None = None) -> list[bytes]:
        return [
            sse("", {**head, "choices": [{"index": index, "delta": delta, "finish_reason": finish}], **nothing})
            for index in range(said.choices)
        ]

    yield deltas({"role": "assistant", "content": None if said.calls else ""})
    for piece in said.thoughts:
        yield deltas({"content": [_thought(piece)]} if parts else {"reasoning_content": piece})
    for at, call in enumerate(said.calls):
        opened = [
            {"index": at, "id": call_id(stamp, 0, at, short=parts), "type": "function",
             "function": {"name": call.name, "arguments": "".join(call.pieces) if whole else ""}}
        ]  # fmt: skip
        yield deltas({"tool_calls": opened})
        for piece in () if whole else call.pieces:
            yield deltas({"tool_calls": [{"index": at, "function": {"arguments": piece}}]})
    for piece in said.pieces:
        yield deltas({"content": piece})
    if unasked and used is not None:
        nothing = {"usage": used}
    closing = deltas({}, said.finish)
    if with_usage and used is not None:
        closing.append(sse("", {**head, "choices": [], "usage": used}))
    yield [*closing, wire.DONE]
