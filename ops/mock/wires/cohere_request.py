"""What Cohere's chat takes, field by field. Source: Cohere API reference, "Chat" (v2)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ops.mock.refusal import Refusal
from ops.mock.wires.saying import Asked, Function
from ops.mock.wires.speaking import complaint, decoded, dotted


class _Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class ImageUrl(_Strict):
    url: str
    detail: Literal["auto", "low", "high"] | None = None


class Piece(_Strict):
    type: Literal["text", "image_url", "thinking", "document"]
    text: str | None = None
    thinking: str | None = None
    image_url: ImageUrl | None = None
    document: dict[str, Any] | None = None


class Called(_Strict):
    name: str
    arguments: str


class Call(_Strict):
    id: str
    type: Literal["function"]
    function: Called


class Message(_Strict):
    role: Literal["user", "assistant", "system", "tool"]
    content: str | list[Piece] | None = None
    tool_calls: list[Call] | None = None
    tool_plan: str | None = None
    tool_call_id: str | None = None
    citations: list[dict[str, Any]] | None = None

    @property
    def pieces(self) -> list[Piece]:
        if isinstance(self.content, str):
            return [Piece(type="text", text=self.content)]
        return self.content or []


class Declared(_Strict):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class Tool(_Strict):
    type: Literal["function"]
    function: Declared


class Form(_Strict):
    type: Literal["text", "json_object"]
    json_schema: dict[str, Any] | None = None
    schema: dict[str, Any] | None = None


class Thinking(_Strict):
    type: Literal["enabled", "disabled"]
    token_budget: int | None = None


class Request(_Strict):
    """Body of ``POST /v2/chat``."""

    model: str
    messages: list[Message]
    stream: bool | None = None
    tools: list[Tool] | None = None
    tool_choice: Literal["REQUIRED", "NONE"] | None = None
    strict_tools: bool | None = None
    documents: list[Any] | None = None
    citation_options: dict[str, Any] | None = None
    response_format: Form | None = None
    safety_mode: Literal["CONTEXTUAL", "STRICT", "OFF"] | None = None
    max_tokens: int | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    k: int | None = None
    p: float | None = None
    logprobs: bool | None = None
    thinking: Thinking | None = None
    priority: int | None = None
    raw_prompting: bool | None = None


_DECODER = msgspec.json.Decoder(Request)
_RANGES = (
    ("temperature", 0, 1), ("frequency_penalty", 0, 1), ("presence_penalty", 0, 1), ("k", 0, 500), ("p", 0.01, 0.99),
    ("max_tokens", 0, 2**31), ("seed", 0, 2**64),
)  # fmt: skip


def refuse(problem: str) -> Refusal:
    found = complaint(problem)
    where = dotted(found.where)
    if found.kind == "missing":
        return Refusal(400, f"invalid request: {where} is required")
    if found.kind == "unknown":
        return Refusal(422, f"unknown field: parameter '{where}' is not a valid field")
    if found.kind == "syntax":
        return Refusal(400, "invalid request: could not parse the JSON body")
    return Refusal(400, f"invalid type: parameter {where}: {found.text}")


def read_request(body: bytes) -> Request:
    request = decoded(_DECODER, body, refuse)
    if not request.messages:
        raise Refusal(400, "invalid request: messages must contain at least one message")
    for name, least, most in _RANGES:
        value = getattr(request, name)
        if value is not None and not least <= value <= most:
            raise Refusal(400, f"invalid request: {name} must be between {least} and {most} inclusive.")
    if len(request.stop_sequences or ()) > 5:
        raise Refusal(400, "invalid request: stop_sequences must have at most 5 entries")
    calls: set[str] = set()
    for index, message in enumerate(request.messages):
        _check(message, calls, f"messages[{index}]")
    if request.tool_choice is not None and not request.tools:
        raise Refusal(400, "invalid request: tool_choice needs tools")
    form = request.response_format
    if form is not None and form.type == "json_object" and request.tools:
        raise Refusal(400, "invalid request: response_format json_object is not supported together with tools")
    return request


def _check(message: Message, calls: set[str], where: str) -> None:
    if message.role == "tool":
        if message.tool_call_id is None or message.tool_call_id not in calls:
            raise Refusal(400, f"invalid request: {where}.tool_call_id must be of an earlier tool call")
        if message.content is None:
            raise Refusal(400, f"invalid request: {where}.content is required")
    elif message.role != "assistant" and not message.pieces:
        raise Refusal(400, f"invalid request: {where}.content must not be empty")
    for piece in message.pieces:
        if getattr(piece, piece.type) is None:
            raise Refusal(400, f"invalid request: {where}.content needs {piece.type}")
        if piece.type == "image_url" and message.role != "user":
            raise Refusal(400, f"invalid request: {where}: images can only be in messages of the user")
        if piece.type == "thinking" and message.role != "assistant":
            raise Refusal(400, f"invalid request: {where}: thinking can only be in messages of the assistant")
    calls.update(call.id for call in message.tool_calls or ())


def asked_of(request: Request) -> Asked:
    """The neutral form of a checked request."""
    form = request.response_format
    asked = Asked(
        model=request.model,
        functions=[Function(tool.function.name, tool.function.parameters) for tool in request.tools or ()],
        choice={"REQUIRED": "required", "NONE": "none"}.get(request.tool_choice or "", "auto"),
        stream=request.stream is True,
        limit=request.max_tokens,
        thinks=request.thinking is not None and request.thinking.type == "enabled",
    )
    if form is not None and form.type == "json_object":
        asked.json, asked.schema = True, form.json_schema or form.schema
    for message in request.messages:
        asked.message(message.role, *(piece.text for piece in message.pieces if piece.text is not None))
        for piece in message.pieces:
            if piece.image_url is not None:
                asked.media("image", "", piece.image_url.url)
            elif piece.thinking is not None:
                asked.seen.append("thought")
        for call in message.tool_calls or ():
            asked.seen.append(f"call {call.function.name}")
        if message.role == "tool":
            asked.seen.append(f"result {message.tool_call_id}")
    return asked
