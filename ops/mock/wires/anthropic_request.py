"""What Anthropic's Messages take, field by field, and the rules of turns. Source: Claude API reference, "Messages"."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ops.mock.refusal import Refusal
from ops.mock.wires.saying import Asked, Function
from ops.mock.wires.speaking import complaint, decoded, dotted, sealed, signature_of


class _Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class Cache(_Strict):
    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None


class Base64(_Strict, tag_field="type", tag="base64"):
    media_type: str
    data: str


class Url(_Strict, tag_field="type", tag="url"):
    url: str


class Stored(_Strict, tag_field="type", tag="file"):
    file_id: str


class PlainText(_Strict, tag_field="type", tag="text"):
    media_type: Literal["text/plain"]
    data: str


class Text(_Strict, tag_field="type", tag="text"):
    text: str
    cache_control: Cache | None = None
    citations: list[dict[str, Any]] | None = None


class Image(_Strict, tag_field="type", tag="image"):
    source: Base64 | Url | Stored
    cache_control: Cache | None = None


class Document(_Strict, tag_field="type", tag="document"):
    source: Base64 | Url | Stored | PlainText
    title: str | None = None
    context: str | None = None
    citations: dict[str, bool] | None = None
    cache_control: Cache | None = None


class ToolUse(_Strict, tag_field="type", tag="tool_use"):
    id: str
    name: str
    input: dict[str, Any]
    cache_control: Cache | None = None


class ToolResult(_Strict, tag_field="type", tag="tool_result"):
    tool_use_id: str
    content: str | list[Text | Image | Document] | None = None
    is_error: bool | None = None
    cache_control: Cache | None = None


class Thinking(_Strict, tag_field="type", tag="thinking"):
    thinking: str
    signature: str


class Redacted(_Strict, tag_field="type", tag="redacted_thinking"):
    data: str


Block = Text | Image | Document | ToolUse | ToolResult | Thinking | Redacted


class Message(_Strict):
    role: Literal["user", "assistant"]
    content: str | list[Block]

    @property
    def blocks(self) -> list[Block]:
        return [Text(text=self.content)] if isinstance(self.content, str) else self.content


class Tool(_Strict):
    name: str
    input_schema: dict[str, Any]
    type: Literal["custom"] | None = None
    description: str | None = None
    strict: bool | None = None
    cache_control: Cache | None = None
    eager_input_streaming: bool | None = None
    allowed_callers: list[str] | None = None
    defer_loading: bool | None = None
    input_examples: list[dict[str, Any]] | None = None


class Choice(_Strict):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class ThinkingConfig(_Strict):
    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: int | None = None
    display: Literal["summarized", "omitted"] | None = None


class Form(_Strict):
    type: Literal["json_schema"]
    schema: dict[str, Any]


class Output(_Strict):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: Form | None = None


class Metadata(_Strict):
    user_id: str | None = None


class Counted(_Strict, kw_only=True):
    """Body of ``POST /v1/messages/count_tokens``, and what ``/v1/messages`` shares with it."""

    model: str
    messages: list[Message]
    system: str | list[Text] | None = None
    tools: list[Tool] | None = None
    tool_choice: Choice | None = None
    thinking: ThinkingConfig | None = None
    output_config: Output | None = None
    cache_control: Cache | None = None


class Request(Counted, kw_only=True):
    """Body of ``POST /v1/messages``."""

    max_tokens: int
    stream: bool | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    metadata: Metadata | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
    container: str | None = None
    inference_geo: str | None = None
    speed: Literal["standard", "fast"] | None = None
    diagnostics: dict[str, Any] | None = None
    user_profile_id: str | None = None
    workspace_id: str | None = None


NEWEST = "2026-10-21"
"""The version that knows no sampling parameters; those before it do."""

_REQUEST = msgspec.json.Decoder(Request)
_COUNTED = msgspec.json.Decoder(Counted)


def _refuse(problem: str) -> Refusal:
    found = complaint(problem)
    where = dotted(found.where)
    if found.kind == "missing":
        return Refusal(400, f"{where}: Field required")
    if found.kind == "unknown":
        return Refusal(400, f"{where}: Extra inputs are not permitted")
    if found.kind == "syntax":
        return Refusal(400, "The request body is not valid JSON.")
    return Refusal(400, f"{where}: {found.text}" if where else found.text)


def read_request(body: bytes, version: str) -> Request:
    """``version`` is the API's that the caller named."""
    request = decoded(_REQUEST, body, _refuse)
    check(request)
    if request.max_tokens < 0:
        raise Refusal(400, "max_tokens: Input should be greater than or equal to 0")
    if version == NEWEST:
        for name in ("temperature", "top_p", "top_k"):
            if getattr(request, name) is not None:
                raise Refusal(400, f"{name}: this parameter was removed in API version {NEWEST}")
    if request.temperature is not None and not 0 <= request.temperature <= 1:
        raise Refusal(400, "temperature: range: 0..1")
    if request.top_p is not None and not 0 <= request.top_p <= 1:
        raise Refusal(400, "top_p: range: 0..1")
    thinking = request.thinking
    if thinking is not None and thinking.type == "enabled":
        if thinking.budget_tokens is None:
            raise Refusal(400, "thinking.enabled.budget_tokens: Field required")
        if thinking.budget_tokens < 1024:
            raise Refusal(400, "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
        if thinking.budget_tokens >= request.max_tokens:
            raise Refusal(400, "`max_tokens` must be greater than `thinking.budget_tokens`.")
    if thinking is not None and thinking.type != "disabled":
        if request.temperature not in (None, 1):
            raise Refusal(400, "`temperature` may only be set to 1 when thinking is enabled.")
        if request.top_k is not None:
            raise Refusal(400, "`top_k` must be unset when thinking is enabled.")
        if request.tool_choice is not None and request.tool_choice.type in ("any", "tool"):
            raise Refusal(400, "Thinking may not be enabled when tool_choice forces tool use.")
    return request


def read_counted(body: bytes) -> Counted:
    request = decoded(_COUNTED, body, _refuse)
    check(request)
    return request


def check(request: Counted) -> None:
    """The rules between fields and between turns."""
    messages = request.messages
    if not messages:
        raise Refusal(400, "messages: at least one message is required")
    calls: set[str] = set()
    for index, message in enumerate(messages):
        blocks = message.blocks
        if not blocks and not (index == len(messages) - 1 and message.role == "assistant"):
            raise Refusal(400, f"messages.{index}: all messages must have non-empty content")
        results = {block.tool_use_id for block in blocks if isinstance(block, ToolResult)}
        if results - calls:
            raise Refusal(
                400,
                f"messages.{index}.content.0: unexpected `tool_use_id` found in `tool_result` blocks: "
                f"{min(results - calls)}. Each `tool_result` block must have a corresponding `tool_use` block in the "
                "previous message.",
            )
        if calls - results:
            raise Refusal(
                400,
                f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(sorted(calls - results))}.",
            )
        for at, block in enumerate(blocks):
            _check_block(block, message.role, f"messages.{index}.content.{at}")
        calls = {block.id for block in blocks if isinstance(block, ToolUse)}
    last = messages[-1]
    if last.role == "assistant" and last.blocks and isinstance(last.blocks[-1], Text):
        if last.blocks[-1].text != last.blocks[-1].text.rstrip():
            raise Refusal(400, "messages: final assistant content cannot end with trailing whitespace")
        if request.thinking is not None and request.thinking.type != "disabled":
            raise Refusal(400, "messages: an assistant message cannot be prefilled when thinking is enabled")
    if request.thinking is not None and request.thinking.type == "enabled" and len(messages) > 1:
        called, told = messages[-2].blocks, last.blocks
        loop = any(isinstance(block, ToolResult) for block in told) and any(isinstance(one, ToolUse) for one in called)
        if loop and not isinstance(called[0], (Thinking, Redacted)):
            raise Refusal(
                400,
                f"messages.{len(messages) - 2}.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
                "another. When `thinking` is enabled, a final `assistant` message must start with a thinking block.",
            )
    for block in request.system if isinstance(request.system, list) else ():
        if not block.text:
            raise Refusal(400, "system: text content blocks must be non-empty")
    choice = request.tool_choice
    if choice is not None:
        if choice.type == "tool" and choice.name not in {tool.name for tool in request.tools or ()}:
            raise Refusal(400, f"Tool '{choice.name}' not found in provided tools")
        if not request.tools and choice.type != "none":
            raise Refusal(400, "tool_choice may only be specified while providing tools.")


def _check_block(block: Block, role: str, where: str) -> None:
    only = "assistant" if isinstance(block, (ToolUse, Thinking, Redacted)) else ""
    only = "user" if isinstance(block, (ToolResult, Image, Document)) else only
    if only not in ("", role):
        raise Refusal(400, f"{where}: this block can only be in `{only}` messages")
    if isinstance(block, Text) and not block.text.strip():
        raise Refusal(400, f"{where}: text content blocks must contain non-whitespace text")
    if isinstance(block, Thinking) and block.signature != signature_of(block.thinking):
        raise Refusal(400, f"{where}: Invalid `signature` in `thinking` block")
    if isinstance(block, Redacted) and block.data != sealed(""):
        raise Refusal(400, f"{where}: Invalid `data` in `redacted_thinking` block")


def asked_of(request: Counted) -> Asked:
    """The neutral form of a checked request."""
    choice = request.tool_choice
    thinking = request.thinking
    asked = Asked(
        model=request.model,
        functions=[Function(tool.name, tool.input_schema) for tool in request.tools or ()],
        parallel=choice is None or choice.disable_parallel_tool_use is not True,
        thinks=thinking is not None and thinking.type != "disabled",
    )
    if choice is not None:
        asked.choice = {"any": "required", "tool": f"={choice.name}"}.get(choice.type, choice.type)
    if isinstance(request, Request):
        asked.stream, asked.limit = request.stream is True, request.max_tokens
    form = request.output_config.format if request.output_config is not None else None
    if form is not None:
        asked.json, asked.schema = True, form.schema
    if request.system is not None:
        asked.message(
            "system", *_texts([Text(text=request.system)] if isinstance(request.system, str) else request.system)
        )
    cached = 0
    for message in request.messages:
        asked.message(message.role, *_texts(message.blocks))
        for block in message.blocks:
            _see(asked, block)
            cached += getattr(block, "cache_control", None) is not None
        asked.user_is_last = message.role == "user" and not any(isinstance(b, ToolResult) for b in message.blocks)
    if cached:
        asked.seen.append(f"cached {cached}")
    return asked


def _texts(blocks: list[Any]) -> list[str]:
    return [block.text for block in blocks if isinstance(block, Text)]


def _see(asked: Asked, block: Block) -> None:
    if isinstance(block, (Image, Document)):
        kind = "image" if isinstance(block, Image) else "file"
        match block.source:
            case Base64(media_type=mime, data=data):
                asked.media(kind, mime, data)
            case Url(url=url):
                asked.media(kind, "", url)
            case Stored(file_id=name):
                asked.seen.append(f"{kind} {name}")
            case PlainText(data=text):
                asked.seen.append(f"{kind} text/plain {len(text.encode())}")
    elif isinstance(block, ToolUse):
        asked.seen.append(f"call {block.name}")
    elif isinstance(block, ToolResult):
        asked.seen.append(f"result {block.tool_use_id}")
        for inner in block.content if isinstance(block.content, list) else ():
            _see(asked, inner)
    elif isinstance(block, (Thinking, Redacted)):
        asked.seen.append("thought")
