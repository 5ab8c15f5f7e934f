"""OpenAI's Responses. Source: OpenAI API reference, "Create a model response" and "Streaming events"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from ops.mock import wire
from ops.mock.behaviour import Behaviour
from ops.mock.refusal import Refusal, invalid_value
from ops.mock.request import translated
from ops.mock.wire import Stamp
from ops.mock.wires.saying import Asked, Function, Said, compose
from ops.mock.wires.speaking import Incoming, Reply, Wanted, complaint, decoded, sealed, sse


class Reasoning(msgspec.Struct, forbid_unknown_fields=True):
    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None


class Form(msgspec.Struct, forbid_unknown_fields=True):
    type: Literal["text", "json_object", "json_schema"] = "text"
    name: str | None = None
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class Text(msgspec.Struct, forbid_unknown_fields=True):
    format: Form | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /v1/responses``."""

    model: str
    input: str | list[dict[str, Any]]
    instructions: str | None = None
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | None = None
    text: Text | None = None
    include: list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: int | None = None
    metadata: dict[str, str] | None = None
    store: bool | None = None
    background: bool | None = None
    service_tier: str | None = None
    truncation: Literal["auto", "disabled"] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    client_metadata: dict[str, str] | None = None
    previous_response_id: str | None = None


_DECODER = msgspec.json.Decoder(Request)


def _refuse(problem: str) -> Refusal:
    found = complaint(problem)
    if found.kind == "unknown":
        return Refusal(400, f"Unknown parameter: '{found.where}'.", param=found.where, code="unknown_parameter")
    return translated(problem)


def read(incoming: Incoming) -> Wanted:
    """A request for a response."""
    request = decoded(_DECODER, incoming.body, _refuse)
    if request.previous_response_id is not None:
        raise Refusal(
            400,
            f"Previous response with id '{request.previous_response_id}' not found.",
            param="previous_response_id",
            code="previous_response_not_found",
        )
    if request.max_output_tokens is not None and request.max_output_tokens < 16:
        raise Refusal(
            400,
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, "
            f"but got {request.max_output_tokens} instead.",
            param="max_output_tokens",
            code="integer_below_min_value",
        )
    asked = _asked(request)

    def make(behaviour: Behaviour, stamp: Stamp) -> Reply:
        said = compose(asked, behaviour)
        story = _Story(request, said, stamp, no_usage=behaviour.no_usage)
        counts: dict[str, Any] = {"prompt_tokens": said.prompt_tokens, "completion_tokens": said.completion_tokens}
        if request.stream:
            return Reply(groups=story.events(), tokens=said.steps, **counts)
        return Reply(wire.encode(story.response(story.items(), said.finish)), **counts)

    return Wanted(request.model, make, request.stream is True)


def _asked(request: Request) -> Asked:
    asked = Asked(
        model=request.model,
        parallel=request.parallel_tool_calls is not False,
        stream=request.stream is True,
        limit=request.max_output_tokens,
        thinks=request.reasoning is not None and request.reasoning.summary is not None,
    )
    if request.instructions is not None:
        asked.message("system", request.instructions)
    if isinstance(request.input, str):
        asked.message("user", request.input)
    else:
        if not request.input:
            raise invalid_value("input", "an empty array")
        for index, item in enumerate(request.input):
            _item(asked, item, f"input[{index}]")
    for index, tool in enumerate(request.tools or ()):
        if tool.get("type") == "function":
            if not isinstance(tool.get("name"), str):
                raise translated(f"Object missing required field `name` - at `$.tools[{index}]`")
            asked.functions.append(Function(tool["name"], tool.get("parameters")))
    choice = request.tool_choice
    asked.choice = f"={choice.get('name')}" if isinstance(choice, dict) else choice or "auto"
    if asked.choice.startswith("=") and asked.choice[1:] not in {each.name for each in asked.functions}:
        raise Refusal(400, f"Tool choice '{asked.choice[1:]}' not found in 'tools' parameter.", param="tool_choice")
    form = request.text.format if request.text is not None else None
    if form is not None and form.type != "text":
        if form.type == "json_schema" and (form.name is None or form.schema is None):
            raise translated(
                f"Object missing required field `{'schema' if form.name else 'name'}` - at `$.text.format`"
            )
        asked.json, asked.schema = True, form.schema
    return asked


def _item(asked: Asked, item: dict[str, Any], where: str) -> None:
    kind = item.get("type", "message")
    if kind == "message":
        content = item.get("content")
        if item.get("role") not in ("user", "assistant", "system", "developer") or content is None:
            raise invalid_value(where, "a message needs `role` and `content`")
        parts = [{"type": "input_text", "text": content}] if isinstance(content, str) else content
        texts = [part["text"] for part in parts if part.get("type") in ("input_text", "output_text")]
        asked.message(item["role"], *texts)
        wrong = "input_text" if item["role"] == "assistant" and not isinstance(content, str) else "output_text"
        for part in parts:
            _part(asked, part, where, wrong)
    elif kind == "function_call":
        if not all(isinstance(item.get(name), str) for name in ("call_id", "name", "arguments")):
            raise invalid_value(where, "a call needs `call_id`, `name` and `arguments`")
        asked.seen.append(f"call {item['name']}")
    elif kind == "function_call_output":
        if not isinstance(item.get("call_id"), str) or "output" not in item:
            raise invalid_value(where, "a result needs `call_id` and `output`")
        asked.user_is_last = False
        asked.seen.append(f"result {item['call_id']}")
    elif kind == "reasoning":
        if not isinstance(item.get("summary"), list):
            raise invalid_value(where, "reasoning needs `summary`")
        asked.seen.append("thought")
    else:
        raise invalid_value(where, f"{kind!r} is no input item")


def _part(asked: Asked, part: dict[str, Any], where: str, wrong: str) -> None:
    kind = part.get("type")
    if kind == wrong:
        raise invalid_value(where, f"{kind!r} cannot stand in a message of this role")
    if kind == "input_image":
        asked.media("image", "", part.get("image_url") or "://" + str(part.get("file_id")))
    elif kind == "input_file":
        asked.media("file", "", part.get("file_data") or part.get("file_url") or "://" + str(part.get("file_id")))
    elif kind not in ("input_text", "output_text", "refusal"):
        raise invalid_value(where, f"{kind!r} is no content part")


class _Story:
    """One response: whole, and as the events that build it."""

    def __init__(self, request: Request, said: Said, stamp: Stamp, *, no_usage: bool) -> None:
        self._request = request
        self._said = said
        self._stamp = stamp
        self._ident = stamp.ident.decode()
        self._no_usage = no_usage
        self._number = -1

    def response(self, output: list[dict[str, Any]], finish: str) -> dict[str, Any]:
        request, said = self._request, self._said
        status = {"": "in_progress", "length": "incomplete"}.get(finish, "completed")
        used = {
            "input_tokens": said.prompt_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": said.completion_tokens,
            "output_tokens_details": {"reasoning_tokens": said.thought_tokens},
            "total_tokens": said.prompt_tokens + said.completion_tokens,
        }
        return {
            "id": f"resp_{self._ident}",
            "object": "response",
            "created_at": self._stamp.created,
            "status": status,
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if finish == "length" else None,
            "instructions": request.instructions,
            "max_output_tokens": request.max_output_tokens,
            "model": request.model,
            "output": output,
            "parallel_tool_calls": request.parallel_tool_calls is not False,
            "previous_response_id": None,
            "reasoning": {"effort": None, "summary": None},
            "store": True,
            "temperature": 1.0,
            "text": {"format": {"type": "text"}},
            "tool_choice": "auto",
            "tools": request.tools or [],
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": None if self._no_usage or not finish else used,
            "user": None,
            "metadata": request.metadata or {},
        }

    def items(self) -> list[dict[str, Any]]:
        """All items of the output, finished."""
        said, found = self._said, []
        if said.thoughts:
            item = {
                "id": f"rs_{self._ident}",
                "type": "reasoning",
                "summary": [{"type": "summary_text", "text": said.thought}],
            }
            if "reasoning.encrypted_content" in (self._request.include or ()):
                item["encrypted_content"] = sealed(said.thought)
            found.append(item)
        for index, call in enumerate(said.calls):
            found.append(self._call(index, "".join(call.pieces), "completed"))
        if not said.calls:
            status = "incomplete" if said.finish == "length" else "completed"
            found.append(self._message([_text(said.text)], status))
        return found

    def _message(self, content: list[dict[str, Any]], status: str) -> dict[str, Any]:
        return {
            "id": f"msg_{self._ident}", "type": "message", "status": status, "role": "assistant", "content": content,
        }  # fmt: skip

    def _call(self, index: int, arguments: str, status: str) -> dict[str, Any]:
        ident = f"{self._ident}{index:02x}"
        name = self._said.calls[index].name
        return {
            "id": f"fc_{ident}", "type": "function_call", "status": status, "call_id": f"call_{ident}", "name": name,
            "arguments": arguments,
        }  # fmt: skip

    def _event(self, kind: str, **data: Any) -> bytes:
        self._number += 1
        return sse(kind, {"type": kind, "sequence_number": self._number, **data})

    def events(self) -> Iterator[list[bytes]]:
        said, items, event = self._said, self.items(), self._event
        begun = self.response([], "")
        yield [event("response.created", response=begun), event("response.in_progress", response=begun)]
        for at, item in enumerate(items):
            if item["type"] == "reasoning":
                place = {"item_id": item["id"], "output_index": at, "summary_index": 0}
                empty = {"type": "summary_text", "text": ""}
                yield [
                    event("response.output_item.added", output_index=at, item={**item, "summary": []}),
                    event("response.reasoning_summary_part.added", **place, part=empty),
                ]
                for piece in said.thoughts:
                    yield [event("response.reasoning_summary_text.delta", **place, delta=piece)]
                yield [
                    event("response.reasoning_summary_text.done", **place, text=said.thought),
                    event("response.reasoning_summary_part.done", **place, part=item["summary"][0]),
                ]
            elif item["type"] == "function_call":
                call = said.calls[at - bool(said.thoughts)]
                place = {"item_id": item["id"], "output_index": at}
                opened = {**item, "arguments": "", "status": "in_progress"}
                yield [event("response.output_item.added", output_index=at, item=opened)]
                for piece in call.pieces:
                    yield [event("response.function_call_arguments.delta", **place, delta=piece)]
                done = {"name": item["name"], "arguments": item["arguments"]}
                yield [event("response.function_call_arguments.done", **place, **done)]
            else:
                place = {"item_id": item["id"], "output_index": at, "content_index": 0}
                yield [
                    event("response.output_item.added", output_index=at, item=self._message([], "in_progress")),
                    event("response.content_part.added", **place, part=_text("")),
                ]
                for piece in said.pieces:
                    yield [event("response.output_text.delta", **place, delta=piece, logprobs=[])]
                yield [
                    event("response.output_text.done", **place, text=said.text, logprobs=[]),
                    event("response.content_part.done", **place, part=_text(said.text)),
                ]
            yield [event("response.output_item.done", output_index=at, item=item)]
        kind = "response.incomplete" if said.finish == "length" else "response.completed"
        yield [event(kind, response=self.response(items, said.finish))]


def _text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
