"""Requests as strictly as the providers' documents have them: every field is listed, and no other may be there."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Text = Annotated[str, Meta(min_length=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=1)]


class Strict(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """An object with no fields but these."""


class OneOf(Strict):
    """An object that has exactly one of its fields."""

    def __post_init__(self) -> None:
        said = [name for name in self.__struct_fields__ if getattr(self, name) is not UNSET]
        if len(said) != 1:
            raise ValueError(f"exactly one field, not {said}")


class Function(Strict):
    name: Text
    arguments: str


class Call(Strict):
    id: Text
    type: Literal["function"]
    function: Function


class Declared(Strict):
    name: Text
    parameters: dict[str, Any]
    description: Text | UnsetType = UNSET


class Declaration(Strict):
    type: Literal["function"]
    function: Declared


class ImageUrl(Strict):
    url: Text
    detail: Literal["auto", "low", "high"] | UnsetType = UNSET


class TextPiece(Strict, tag_field="type", tag="text"):
    text: str


class ImagePiece(Strict, tag_field="type", tag="image_url"):
    image_url: ImageUrl


class ThinkingPiece(Strict, tag_field="type", tag="thinking"):
    thinking: Text


# Amazon Bedrock API reference: Converse. `model` and `stream` are in the path.


class Empty(Strict):
    pass


class CachePoint(Strict):
    type: Literal["default"]


class S3(Strict):
    uri: Annotated[str, Meta(pattern="^s3://")]


class Source(OneOf):
    bytes: Annotated[str, Meta(min_length=1, pattern="^[A-Za-z0-9+/]*={0,2}$")] | UnsetType = UNSET
    s3Location: S3 | UnsetType = UNSET


class ImageBlock(Strict):
    format: Literal["png", "jpeg", "gif", "webp"]
    source: Source


class DocumentBlock(Strict):
    format: Literal["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"]
    name: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[a-zA-Z0-9\-()\[\]]+( [a-zA-Z0-9\-()\[\]]+)*$")]
    source: Source


class ToolUse(Strict):
    toolUseId: Annotated[str, Meta(min_length=1, max_length=64)]
    name: Annotated[str, Meta(pattern="^[a-zA-Z0-9_-]{1,64}$")]
    input: dict[str, Any]


class ResultBlock(OneOf):
    text: str | UnsetType = UNSET
    image: ImageBlock | UnsetType = UNSET
    document: DocumentBlock | UnsetType = UNSET


class ConverseResult(Strict):
    toolUseId: Annotated[str, Meta(min_length=1, max_length=64)]
    content: list[ResultBlock]
    status: Literal["success", "error"] | UnsetType = UNSET


class ReasoningText(Strict):
    text: str
    signature: str | UnsetType = UNSET


class ReasoningBlock(OneOf):
    reasoningText: ReasoningText | UnsetType = UNSET
    redactedContent: str | UnsetType = UNSET


class Block(OneOf):
    text: Annotated[str, Meta(pattern=r"\S")] | UnsetType = UNSET
    image: ImageBlock | UnsetType = UNSET
    document: DocumentBlock | UnsetType = UNSET
    toolUse: ToolUse | UnsetType = UNSET
    toolResult: ConverseResult | UnsetType = UNSET
    reasoningContent: ReasoningBlock | UnsetType = UNSET
    cachePoint: CachePoint | UnsetType = UNSET


class Turn(Strict):
    role: Literal["user", "assistant"]
    content: Annotated[list[Block], Meta(min_length=1)]


class SystemBlock(OneOf):
    text: Annotated[str, Meta(pattern=r"\S")] | UnsetType = UNSET
    cachePoint: CachePoint | UnsetType = UNSET


class Inference(Strict):
    maxTokens: Count | UnsetType = UNSET
    temperature: Share | UnsetType = UNSET
    topP: Share | UnsetType = UNSET
    stopSequences: list[Text] | UnsetType = UNSET


class InputSchema(Strict):
    json: dict[str, Any]


class ToolSpec(Strict):
    name: Annotated[str, Meta(pattern="^[a-zA-Z0-9_-]{1,64}$")]
    inputSchema: InputSchema
    description: Text | UnsetType = UNSET
    strict: bool | UnsetType = UNSET


class ConverseTool(OneOf):
    toolSpec: ToolSpec | UnsetType = UNSET
    cachePoint: CachePoint | UnsetType = UNSET


class Named(Strict):
    name: Text


class ConverseChoice(OneOf):
    auto: Empty | UnsetType = UNSET
    any: Empty | UnsetType = UNSET
    tool: Named | UnsetType = UNSET


class ToolConfig(Strict):
    tools: Annotated[list[ConverseTool], Meta(min_length=1)]
    toolChoice: ConverseChoice | UnsetType = UNSET


class JsonSchema(Strict):
    schema: Text
    name: Text | UnsetType = UNSET
    description: Text | UnsetType = UNSET


class Structure(Strict):
    jsonSchema: JsonSchema


class TextFormat(Strict):
    type: Literal["json_schema"]
    structure: Structure


class OutputConfig(Strict):
    textFormat: TextFormat


class Tier(Strict):
    type: Literal["default", "priority", "flex", "reserved"]


class Converse(Strict):
    messages: Annotated[list[Turn], Meta(min_length=1)]
    system: list[SystemBlock] | UnsetType = UNSET
    inferenceConfig: Inference | UnsetType = UNSET
    toolConfig: ToolConfig | UnsetType = UNSET
    additionalModelRequestFields: dict[str, Any] | UnsetType = UNSET
    outputConfig: OutputConfig | UnsetType = UNSET
    requestMetadata: Annotated[dict[Text, str], Meta(max_length=16)] | UnsetType = UNSET
    serviceTier: Tier | UnsetType = UNSET

    def __post_init__(self) -> None:
        roles = [turn.role for turn in self.messages]
        if any(one == other for one, other in pairwise(roles)):
            raise ValueError("roles must take turns")


# Cohere API reference: Chat (v2).


class CohereSystem(Strict, tag_field="role", tag="system"):
    content: str | list[TextPiece]


class CohereUser(Strict, tag_field="role", tag="user"):
    content: str | list[TextPiece | ImagePiece]


class CohereAssistant(Strict, tag_field="role", tag="assistant"):
    content: str | list[TextPiece | ThinkingPiece] | UnsetType = UNSET
    tool_plan: Text | UnsetType = UNSET
    tool_calls: Annotated[list[Call], Meta(min_length=1)] | UnsetType = UNSET


class CohereTool(Strict, tag_field="role", tag="tool"):
    tool_call_id: Text
    content: str | list[TextPiece]


class CohereThinking(Strict):
    type: Literal["enabled", "disabled"]
    token_budget: Count | UnsetType = UNSET


class CohereFormat(Strict):
    type: Literal["text", "json_object"]
    json_schema: dict[str, Any] | UnsetType = UNSET


class CohereRequest(Strict):
    model: Text
    stream: bool
    messages: Annotated[list[CohereSystem | CohereUser | CohereAssistant | CohereTool], Meta(min_length=1)]
    tools: Annotated[list[Declaration], Meta(min_length=1)] | UnsetType = UNSET
    strict_tools: bool | UnsetType = UNSET
    tool_choice: Literal["REQUIRED", "NONE"] | UnsetType = UNSET
    response_format: CohereFormat | UnsetType = UNSET
    max_tokens: Count | UnsetType = UNSET
    stop_sequences: Annotated[list[Text], Meta(max_length=5)] | UnsetType = UNSET
    temperature: Annotated[float, Meta(ge=0)] | UnsetType = UNSET
    seed: int | UnsetType = UNSET
    frequency_penalty: Share | UnsetType = UNSET
    presence_penalty: Share | UnsetType = UNSET
    k: Annotated[int, Meta(ge=0, le=500)] | UnsetType = UNSET
    p: Annotated[float, Meta(ge=0.01, le=0.99)] | UnsetType = UNSET
    thinking: CohereThinking | UnsetType = UNSET


# MiniMax API reference: chatcompletion_v2.


class KinMessage(Strict):
    role: Literal["system", "user", "assistant", "tool"]
    content: str | list[TextPiece | ImagePiece]
    name: Text | UnsetType = UNSET
    tool_calls: list[Call] | UnsetType = UNSET
    tool_call_id: Text | UnsetType = UNSET
    reasoning_content: Text | UnsetType = UNSET


class MinimaxDeclared(Strict):
    name: Text
    description: Text
    parameters: dict[str, Any]


class MinimaxTool(Strict):
    type: Literal["function"]
    function: MinimaxDeclared


class NamedSchema(Strict):
    name: Text
    schema: dict[str, Any]
    description: Text | UnsetType = UNSET


class MinimaxFormat(Strict):
    type: Literal["json_schema", "text"]
    json_schema: NamedSchema | UnsetType = UNSET


class StreamOptions(Strict):
    include_usage: bool


class MinimaxRequest(Strict):
    model: Text
    messages: Annotated[list[KinMessage], Meta(min_length=1)]
    stream: bool | UnsetType = UNSET
    max_completion_tokens: Count | UnsetType = UNSET
    temperature: Annotated[float, Meta(gt=0, le=1)] | UnsetType = UNSET
    top_p: Annotated[float, Meta(gt=0, le=1)] | UnsetType = UNSET
    tool_choice: Literal["none", "auto"] | UnsetType = UNSET
    tools: list[MinimaxTool] | UnsetType = UNSET
    response_format: MinimaxFormat | UnsetType = UNSET
    stream_options: StreamOptions | UnsetType = UNSET
    mask_sensitive_info: bool | UnsetType = UNSET


# Z.ai API reference: Chat Completion.


class GlmMessage(Strict):
    role: Literal["system", "user", "assistant", "tool"]
    content: str | list[TextPiece | ImagePiece] | None
    tool_calls: list[Call] | UnsetType = UNSET
    tool_call_id: Text | UnsetType = UNSET
    reasoning_content: Text | UnsetType = UNSET


class GlmFormat(Strict):
    type: Literal["text", "json_object"]


class Switch(Strict):
    type: Literal["enabled", "disabled"]


class GlmRequest(Strict):
    model: Text
    messages: Annotated[list[GlmMessage], Meta(min_length=1)]
    request_id: Text | UnsetType = UNSET
    do_sample: bool | UnsetType = UNSET
    stream: bool | UnsetType = UNSET
    thinking: Switch | UnsetType = UNSET
    temperature: Share | UnsetType = UNSET
    top_p: Annotated[float, Meta(ge=0.01, le=1)] | UnsetType = UNSET
    max_tokens: Count | UnsetType = UNSET
    tool_stream: bool | UnsetType = UNSET
    tools: list[Declaration] | UnsetType = UNSET
    tool_choice: Literal["auto"] | UnsetType = UNSET
    stop: Annotated[list[Text], Meta(max_length=1)] | UnsetType = UNSET
    response_format: GlmFormat | UnsetType = UNSET
    user_id: Text | UnsetType = UNSET


# Replicate: the fields that language models there have in common.


class ReplicateInput(Strict):
    prompt: str
    system_prompt: Text | UnsetType = UNSET
    max_tokens: Count | UnsetType = UNSET
    temperature: Annotated[float, Meta(ge=0)] | UnsetType = UNSET
    top_p: Share | UnsetType = UNSET
    top_k: int | UnsetType = UNSET
    presence_penalty: float | UnsetType = UNSET
    frequency_penalty: float | UnsetType = UNSET
    seed: int | UnsetType = UNSET
    stop_sequences: Text | UnsetType = UNSET


class ReplicateRequest(Strict):
    input: ReplicateInput


STRICT: dict[str, type[Strict]] = {
    "bedrock": Converse,
    "cohere": CohereRequest,
    "minimax": MinimaxRequest,
    "glm": GlmRequest,
    "replicate": ReplicateRequest,
}


def check(protocol: str, body: dict[str, Any], in_path: tuple[str, ...]) -> None:
    """Raises msgspec.ValidationError for a body that the provider would refuse."""
    sent = msgspec.json.encode({name: value for name, value in body.items() if name not in in_path})
    msgspec.json.decode(sent, type=STRICT[protocol])
