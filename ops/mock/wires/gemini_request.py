"""What Gemini's generateContent takes, field by field. Source: Gemini API reference, "Generating content"."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from ops.mock.refusal import Refusal
from ops.mock.wires.saying import THOUGHT, Asked, Function
from ops.mock.wires.speaking import complaint, decoded, signature_of


class _Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    pass


class Blob(_Strict):
    mime_type: str
    data: str
    display_name: str | None = None


class FileData(_Strict):
    file_uri: str
    mime_type: str | None = None
    display_name: str | None = None


class FunctionCall(_Strict):
    name: str
    args: dict[str, Any] | None = None
    id: str | None = None


class FunctionResponse(_Strict):
    name: str
    response: dict[str, Any]
    id: str | None = None
    will_continue: bool | None = None
    scheduling: str | None = None
    parts: list[dict[str, Any]] | None = None


class Part(_Strict):
    text: str | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    executable_code: dict[str, Any] | None = None
    code_execution_result: dict[str, Any] | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    video_metadata: dict[str, Any] | None = None
    media_resolution: dict[str, Any] | None = None
    part_metadata: dict[str, Any] | None = None


class Content(_Strict):
    parts: list[Part] = []
    role: Literal["user", "model", "function", "system"] | None = None


class Declaration(_Strict):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    parameters_json_schema: Any = None
    response: dict[str, Any] | None = None
    response_json_schema: Any = None
    behavior: str | None = None


class Tool(_Strict):
    function_declarations: list[Declaration] | None = None
    google_search: dict[str, Any] | None = None
    google_search_retrieval: dict[str, Any] | None = None
    code_execution: dict[str, Any] | None = None
    url_context: dict[str, Any] | None = None
    google_maps: dict[str, Any] | None = None
    file_search: dict[str, Any] | None = None
    computer_use: dict[str, Any] | None = None


class Calling(_Strict):
    mode: Literal["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"] = "AUTO"
    allowed_function_names: list[str] | None = None


class ToolConfig(_Strict):
    function_calling_config: Calling | None = None
    retrieval_config: dict[str, Any] | None = None


class ThinkingConfig(_Strict):
    include_thoughts: bool | None = None
    thinking_budget: int | None = None
    thinking_level: Literal["MINIMAL", "LOW", "MEDIUM", "HIGH", "minimal", "low", "medium", "high"] | None = None


class Config(_Strict):
    stop_sequences: list[str] | None = None
    response_mime_type: str | None = None
    response_schema: dict[str, Any] | None = None
    response_json_schema: Any = None
    response_modalities: list[str] | None = None
    candidate_count: int | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    response_logprobs: bool | None = None
    logprobs: int | None = None
    enable_enhanced_civic_answers: bool | None = None
    speech_config: dict[str, Any] | None = None
    thinking_config: ThinkingConfig | None = None
    image_config: dict[str, Any] | None = None
    media_resolution: str | None = None
    routing_config: dict[str, Any] | None = None
    audio_timestamp: bool | None = None


class Safety(_Strict):
    category: str
    threshold: Literal["HARM_BLOCK_THRESHOLD_UNSPECIFIED", "BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE",
                       "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF"]  # fmt: skip
    method: str | None = None


class Request(_Strict):
    """Body of generateContent and streamGenerateContent."""

    contents: list[Content] = []
    model: str | None = None
    system_instruction: Content | None = None
    tools: list[Tool] | None = None
    tool_config: ToolConfig | None = None
    safety_settings: list[Safety] | None = None
    generation_config: Config | None = None
    cached_content: str | None = None
    labels: dict[str, str] | None = None


class Counted(_Strict):
    """Body of countTokens; Vertex takes the request's own fields, Gemini ``generateContentRequest``."""

    contents: list[Content] | None = None
    generate_content_request: Request | None = None
    model: str | None = None
    system_instruction: Content | None = None
    tools: list[Tool] | None = None
    generation_config: Config | None = None


_REQUEST = msgspec.json.Decoder(Request)
_COUNTED = msgspec.json.Decoder(Counted)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")


def refuse(problem: str) -> Refusal:
    found = complaint(problem)
    if found.kind == "unknown":
        parent = re.sub(r"([A-Z])", lambda m: "_" + m[1].lower(), found.where.rpartition(".")[0])
        at = f" at '{parent}'" if parent else ""
        return Refusal(400, f'Invalid JSON payload received. Unknown name "{found.field}"{at}: Cannot find field.')
    if found.kind == "syntax":
        return Refusal(400, "Invalid JSON payload received. Unexpected token.")
    at = f" at '{found.where}'" if found.where else ""
    return Refusal(400, f"Invalid value{at}: {found.text}")


_FREE = frozenset({"args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema",
                   "labels", "partMetadata"})  # fmt: skip
"""Members whose inside is the caller's own."""


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def camel(value: Any) -> Any:
    """The names as this API writes them; it reads them in either way, as all JSON of protocol buffers is read."""
    if isinstance(value, dict):
        named = {_camel(name): each for name, each in value.items()}
        return {name: each if name in _FREE else camel(each) for name, each in named.items()}
    return [camel(each) for each in value] if isinstance(value, list) else value


def in_camels(body: bytes) -> bytes:
    """A body with its names so; as it is when it is not JSON, which the reader will say."""
    if b"_" not in body:
        return body
    try:
        return msgspec.json.encode(camel(msgspec.json.decode(body)))
    except ValueError:
        return body


def read_request(body: bytes) -> Request:
    request = decoded(_REQUEST, in_camels(body), refuse)
    check(request)
    return request


def read_counted(body: bytes) -> Request:
    counted = decoded(_COUNTED, in_camels(body), refuse)
    if (counted.contents is None) == (counted.generate_content_request is None):
        raise Refusal(400, "Exactly one of contents and generateContentRequest must be given.")
    request = counted.generate_content_request or Request(
        contents=counted.contents or [], system_instruction=counted.system_instruction, tools=counted.tools
    )
    check(request)
    return request


def check(request: Request) -> None:
    """The rules between fields and between turns."""
    if not request.contents:
        raise Refusal(400, "* GenerateContentRequest.contents: contents is not specified")
    calls = 0
    for index, content in enumerate(request.contents):
        where = f"GenerateContentRequest.contents[{index}]"
        if not content.parts:
            raise Refusal(400, f"* {where}.parts: contents.parts must not be empty.")
        if content.role == "system":
            raise Refusal(400, "Please use a valid role: user, model.")
        for at, part in enumerate(content.parts):
            _check_part(part, f"{where}.parts[{at}]")
        answers = sum(part.function_response is not None for part in content.parts)
        if answers and not calls:
            raise Refusal(
                400, "Please ensure that function response turn comes immediately after a function call turn."
            )
        if calls and answers != calls:
            raise Refusal(
                400,
                "Please ensure that the number of function response parts is equal to the number of function call "
                "parts of the function call turn.",
            )
        calls = sum(part.function_call is not None for part in content.parts)
    names = [each.name for tool in request.tools or () for each in tool.function_declarations or ()]
    for at, name in enumerate(names):
        if not _NAME.fullmatch(name):
            raise Refusal(
                400, f"* GenerateContentRequest.tools[0].function_declarations[{at}].name: Invalid function name."
            )
    config = request.generation_config or Config()
    schema = config.response_schema is not None or config.response_json_schema is not None
    if schema and config.response_mime_type != "application/json":
        raise Refusal(400, "A response schema needs the response mime type application/json.")
    if config.temperature is not None and not 0 <= config.temperature <= 2:
        raise Refusal(400, "* GenerateContentRequest.generation_config.temperature: must be in the range [0.0, 2.0].")
    if config.max_output_tokens is not None and config.max_output_tokens < 1:
        raise Refusal(400, "max_output_tokens must be positive.")
    calling = request.tool_config.function_calling_config if request.tool_config is not None else None
    if calling is not None and calling.allowed_function_names:
        if calling.mode not in ("ANY", "VALIDATED"):
            raise Refusal(400, "Allowed function names should only be set when the function calling mode is ANY.")
        if set(calling.allowed_function_names) - set(names):
            raise Refusal(400, "allowed_function_names must be among the declared functions.")


def _check_part(part: Part, where: str) -> None:
    data = (part.text, part.inline_data, part.file_data, part.function_call, part.function_response,
            part.executable_code, part.code_execution_result)  # fmt: skip
    told = sum(each is not None for each in data)
    if told > 1:
        raise Refusal(400, f"Invalid value at '{where}' (oneof), oneof field 'data' is already set.")
    if told == 0 and part.thought_signature is None:
        raise Refusal(400, f"* {where}.data: required oneof field 'data' must have one initialized field")
    if part.thought_signature is not None and part.thought_signature != signature_of(THOUGHT):
        raise Refusal(400, "Thought signature is not valid.")


def asked_of(request: Request, model: str, *, stream: bool) -> Asked:
    """The neutral form of a checked request."""
    config = request.generation_config or Config()
    thinking = config.thinking_config
    asked = Asked(
        model=model,
        stream=stream,
        limit=config.max_output_tokens,
        choices=config.candidate_count or 1,
        json=config.response_mime_type == "application/json",
        schema=config.response_json_schema if config.response_schema is None else _plain(config.response_schema),
        thinks=thinking is not None and thinking.include_thoughts is True,
    )
    for tool in request.tools or ():
        for each in tool.function_declarations or ():
            schema = each.parameters_json_schema if each.parameters is None else _plain(each.parameters)
            asked.functions.append(Function(each.name, schema))
    calling = request.tool_config.function_calling_config if request.tool_config is not None else None
    if calling is not None:
        named = calling.allowed_function_names or []
        asked.choice = {"ANY": "required", "NONE": "none"}.get(calling.mode, "auto")
        if asked.choice == "required" and len(named) == 1:
            asked.choice = f"={named[0]}"
    if request.system_instruction is not None:
        asked.message("system", *_texts(request.system_instruction))
    for content in request.contents:
        asked.message("assistant" if content.role == "model" else "user", *_texts(content))
        for part in content.parts:
            _see(asked, part)
            if part.function_response is not None:
                asked.user_is_last = False
    return asked


def _texts(content: Content) -> list[str]:
    return [part.text for part in content.parts if part.text is not None and not part.thought]


def _see(asked: Asked, part: Part) -> None:
    if part.inline_data is not None:
        mime = part.inline_data.mime_type
        kind = mime.partition("/")[0]
        # both alphabets are read, as in all JSON of protocol buffers
        data = part.inline_data.data.replace("-", "+").replace("_", "/")
        asked.media(kind if kind in ("image", "audio") else "file", mime, data)
    elif part.file_data is not None:
        asked.seen.append(f"file {part.file_data.file_uri}")
    elif part.function_call is not None:
        asked.seen.append(f"call {part.function_call.name}")
    elif part.function_response is not None:
        asked.seen.append(f"result {part.function_response.name}")
    if part.thought or part.thought_signature:
        asked.seen.append("thought")


def _plain(schema: Any) -> Any:
    """The API's own schema, whose types are in capitals, as JSON Schema."""
    if isinstance(schema, dict):
        found = {
            _camel(name): value.lower() if name == "type" and isinstance(value, str) else _plain(value)
            for name, value in schema.items()
            if name != "properties"
        }
        if isinstance(members := schema.get("properties"), dict):
            found["properties"] = {name: _plain(member) for name, member in members.items()}
        return found
    return [_plain(each) for each in schema] if isinstance(schema, list) else schema
