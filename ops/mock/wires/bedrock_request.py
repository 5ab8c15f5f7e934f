"""What Converse takes, field by field. Source: Amazon Bedrock API reference, "Converse" and its data types.

Unknown members are passed over, as this service does, but for a block or a choice of which exactly one must be told.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ops.mock.refusal import Refusal
from ops.mock.wires.saying import Asked, Function
from ops.mock.wires.speaking import complaint, decoded, dotted, signature_of


class Source(msgspec.Struct, rename="camel"):
    bytes: str | None = None
    s3_location: dict[str, Any] | None = None
    text: str | None = None
    content: list[dict[str, Any]] | None = None


class Image(msgspec.Struct):
    format: Literal["png", "jpeg", "gif", "webp"]
    source: Source


class Document(msgspec.Struct):
    name: str
    source: Source
    format: Literal["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"] | None = None


class ToolUse(msgspec.Struct, rename="camel"):
    tool_use_id: str
    name: str
    input: dict[str, Any]


class ToolResult(msgspec.Struct, rename="camel"):
    tool_use_id: str
    content: list[dict[str, Any]]
    status: Literal["success", "error"] | None = None


class ReasoningText(msgspec.Struct):
    text: str
    signature: str | None = None


class Reasoning(msgspec.Struct, rename="camel"):
    reasoning_text: ReasoningText | None = None
    redacted_content: str | None = None


class CachePoint(msgspec.Struct):
    type: Literal["default"]
    ttl: Literal["5m", "1h"] | None = None


class Block(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Exactly one of them."""

    text: str | None = None
    image: Image | None = None
    document: Document | None = None
    video: dict[str, Any] | None = None
    audio: dict[str, Any] | None = None
    tool_use: ToolUse | None = None
    tool_result: ToolResult | None = None
    reasoning_content: Reasoning | None = None
    cache_point: CachePoint | None = None
    guard_content: dict[str, Any] | None = None
    citations_content: dict[str, Any] | None = None
    search_result: dict[str, Any] | None = None


class Message(msgspec.Struct):
    role: Literal["user", "assistant"]
    content: list[Block]


class Schema(msgspec.Struct):
    json: dict[str, Any]


class Spec(msgspec.Struct, rename="camel"):
    name: str
    input_schema: Schema
    description: str | None = None
    strict: bool | None = None


class Tool(msgspec.Struct, rename="camel"):
    tool_spec: Spec | None = None
    cache_point: CachePoint | None = None
    system_tool: dict[str, Any] | None = None


class Choice(msgspec.Struct):
    auto: dict[str, Any] | None = None
    any: dict[str, Any] | None = None
    tool: dict[str, str] | None = None


class ToolConfig(msgspec.Struct, rename="camel"):
    tools: list[Tool]
    tool_choice: Choice | None = None


class Inference(msgspec.Struct, rename="camel"):
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop_sequences: list[str] | None = None


class JsonSchema(msgspec.Struct):
    schema: str
    name: str | None = None
    description: str | None = None


class Structure(msgspec.Struct, rename="camel"):
    json_schema: JsonSchema


class TextFormat(msgspec.Struct):
    type: Literal["json_schema"]
    structure: Structure


class Output(msgspec.Struct, rename="camel"):
    text_format: TextFormat | None = None


class Request(msgspec.Struct, rename="camel"):
    """Body of Converse and ConverseStream."""

    messages: list[Message] = []
    system: list[Block] | None = None
    inference_config: Inference | None = None
    tool_config: ToolConfig | None = None
    output_config: Output | None = None
    additional_model_request_fields: dict[str, Any] | None = None
    additional_model_response_field_paths: list[str] | None = None
    request_metadata: dict[str, str] | None = None
    performance_config: dict[str, str] | None = None
    service_tier: dict[str, str] | None = None
    guardrail_config: dict[str, Any] | None = None
    prompt_variables: dict[str, Any] | None = None


_DECODER = msgspec.json.Decoder(Request)
_CLAUDES = frozenset({"thinking", "top_k", "anthropic_beta", "tool_choice", "output_config", "reasoning_config"})


def _refuse(problem: str) -> Refusal:
    found = complaint(problem)
    if found.kind == "syntax":
        return Refusal(400, "Unexpected character in the request body", code="SerializationException")
    where = dotted(found.where)
    if found.kind == "missing":
        return Refusal(400, f"1 validation error detected: Value at '{where}' failed to satisfy constraint: "
                       "Member must not be null")  # fmt: skip
    return Refusal(400, f"1 validation error detected: Value at '{where}': {found.text}")


def read_request(body: bytes, model: str) -> Request:
    request = decoded(_DECODER, body, _refuse)
    if not request.messages or request.messages[0].role != "user":
        raise Refusal(400, "A conversation must start with a user message. Try again with a conversation that starts "
                      "with a user message.")  # fmt: skip
    calls: set[str] = set()
    for index, message in enumerate(request.messages):
        if index and message.role == request.messages[index - 1].role:
            raise Refusal(400, "A conversation must alternate between user and assistant roles. Make sure the "
                          "conversation alternates between user and assistant roles and try again.")  # fmt: skip
        if not message.content:
            raise Refusal(400, f"The content field in the Message object at messages.{index} is empty.")
        for at, block in enumerate(message.content):
            _check_block(block, f"messages.{index}.content.{at}")
        results = {block.tool_result.tool_use_id for block in message.content if block.tool_result is not None}
        if results != calls:
            raise Refusal(400, f"The toolResult blocks at messages.{index}.content are not those that the toolUse "
                          "blocks of the previous turn ask for.")  # fmt: skip
        calls = {block.tool_use.tool_use_id for block in message.content if block.tool_use is not None}
        if (calls or results) and request.tool_config is None:
            raise Refusal(400, "The toolConfig field must be defined when using toolUse and toolResult content blocks.")
    for at, block in enumerate(request.system or ()):
        _check_block(block, f"system.{at}")
    if request.tool_config is not None:
        _check_tools(request.tool_config)
    inference = request.inference_config
    if inference is not None and inference.max_tokens is not None and inference.max_tokens < 1:
        raise Refusal(400, "1 validation error detected: Value at 'inferenceConfig.maxTokens' failed to satisfy "
                      "constraint: Member must have value greater than or equal to 1")  # fmt: skip
    extra = set(request.additional_model_request_fields or ())
    if "claude" in model and extra - _CLAUDES:
        raise Refusal(400, f"The model returned the following errors: {min(extra - _CLAUDES)}: Extra inputs are not "
                      "permitted")  # fmt: skip
    return request


def _check_block(block: Block, where: str) -> None:
    told = [name for name in block.__struct_fields__ if getattr(block, name) is not None]
    if len(told) != 1:
        raise Refusal(400, f"The ContentBlock object at {where} must set one of its members and only one.")
    if block.text is not None and not block.text.strip():
        raise Refusal(400, f"The text field in the ContentBlock object at {where} is blank. Add text to the text "
                      "field, and try again.")  # fmt: skip
    for held in (block.image, block.document):
        if held is not None and sum(each is not None for each in msgspec.structs.astuple(held.source)) != 1:
            raise Refusal(400, f"The source at {where} must set one of its members and only one.")
    thought = block.reasoning_content.reasoning_text if block.reasoning_content is not None else None
    if thought is not None and thought.signature != signature_of(thought.text):
        raise Refusal(400, f"The model returned the following errors: {where}: Invalid `signature` in `thinking` block")


def _check_tools(config: ToolConfig) -> None:
    names = [tool.tool_spec.name for tool in config.tools if tool.tool_spec is not None]
    if not names:
        raise Refusal(400, "1 validation error detected: Value at 'toolConfig.tools' failed to satisfy constraint: "
                      "Member must have length greater than or equal to 1")  # fmt: skip
    choice = config.tool_choice
    if choice is not None and choice.tool is not None and choice.tool.get("name") not in names:
        raise Refusal(400, f"The tool {choice.tool.get('name')} in toolConfig.toolChoice is not among its tools.")


def asked_of(request: Request, model: str, *, stream: bool) -> Asked:
    """The neutral form of a checked request."""
    config, inference = request.tool_config, request.inference_config
    extra = request.additional_model_request_fields or {}
    asked = Asked(
        model=model,
        stream=stream,
        limit=inference.max_tokens if inference is not None else None,
        thinks=isinstance(extra.get("thinking"), dict) and extra["thinking"].get("type") == "enabled",
    )
    for tool in config.tools if config is not None else ():
        if tool.tool_spec is not None:
            asked.functions.append(Function(tool.tool_spec.name, tool.tool_spec.input_schema.json))
    choice = config.tool_choice if config is not None else None
    if choice is not None:
        named = f"={choice.tool['name']}" if choice.tool is not None else "auto"
        asked.choice = "required" if choice.any is not None else named
    form = request.output_config.text_format if request.output_config is not None else None
    if form is not None:
        asked.json = True
        try:
            asked.schema = msgspec.json.decode(form.structure.json_schema.schema)
        except ValueError:
            raise Refusal(400, "The schema in outputConfig.textFormat is not JSON.") from None
    if request.system:
        asked.message("system", *(block.text for block in request.system if block.text is not None))
    for message in request.messages:
        asked.message(message.role, *(block.text for block in message.content if block.text is not None))
        for block in message.content:
            _see(asked, block)
    return asked


def _see(asked: Asked, block: Block) -> None:
    if block.image is not None:
        asked.media("image", f"image/{block.image.format}", block.image.source.bytes or "s3://object")
    elif block.document is not None:
        asked.media("file", str(block.document.format), block.document.source.bytes or "s3://object")
    elif block.tool_use is not None:
        asked.seen.append(f"call {block.tool_use.name}")
    elif block.tool_result is not None:
        asked.seen.append(f"result {block.tool_result.tool_use_id}")
        asked.user_is_last = False
    elif block.reasoning_content is not None:
        asked.seen.append("thought")
    elif block.cache_point is not None:
        asked.seen.append("cached 1")
