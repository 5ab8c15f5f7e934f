"""The chat request as the OpenAI API defines it: its shape, its decoding, and the errors of the real API; no I/O."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from ops.mock.refusal import Refusal


class Part(msgspec.Struct, gc=False):
    """One content part; only text is read, images, audio and files are accepted and ignored."""

    type: str
    text: str | None = None


class Function(msgspec.Struct, gc=False):
    """A function that may be called; ``parameters`` is a JSON Schema."""

    name: str
    description: str | None = None
    parameters: dict[str, object] | None = None


class Tool(msgspec.Struct, gc=False):
    type: Literal["function"]
    function: Function


class Named(msgspec.Struct, gc=False):
    name: str


class NamedTool(msgspec.Struct, gc=False):
    """``tool_choice`` that forces one function."""

    type: Literal["function"]
    function: Named


class Message(msgspec.Struct, gc=False):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: list[dict[str, object]] | None = None
    tool_call_id: str | None = None

    def texts(self) -> list[str]:
        """The texts of this message, one per text part."""
        if self.content is None:
            return []
        if isinstance(self.content, str):
            return [self.content]
        return [part.text for part in self.content if part.text is not None]


class StreamOptions(msgspec.Struct, gc=False):
    include_usage: bool | None = None


class JsonSchema(msgspec.Struct, gc=False):
    name: str
    schema: dict[str, object] | None = None


class ResponseFormat(msgspec.Struct, gc=False):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class ChatRequest(msgspec.Struct, gc=False):
    """Body of ``POST /v1/chat/completions``. Fields that the mock does not act upon are accepted unread."""

    model: str
    messages: list[Message]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    tools: list[Tool] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    response_format: ResponseFormat | None = None
    user: str | None = None

    def last_user_text(self) -> str:
        """The text parts of the last user message, joined; empty when there is none."""
        for message in reversed(self.messages):
            if message.role == "user":
                return "".join(message.texts())
        return ""


_DECODER = msgspec.json.Decoder(ChatRequest)
_UNPARSABLE = (
    "We could not parse the JSON body of your request. The body must be a JSON object, encoded in UTF-8, "
    "sent with the header Content-Type: application/json."
)


def decode(body: bytes) -> ChatRequest:
    """Decode and check a request body. Raises Refusal with status 400, worded as the real API words it."""
    try:
        request = _DECODER.decode(body)
    except msgspec.ValidationError as problem:
        raise translated(str(problem)) from None
    except (ValueError, RecursionError):  # the latter for JSON nested some thousand levels deep
        raise Refusal(400, _UNPARSABLE) from None
    _check(request)
    return request


def _in_range(request: ChatRequest, field: str, least: float, most: float) -> None:
    value = getattr(request, field)
    if value is None or least <= value <= most:
        return
    kind = "integer" if isinstance(value, int) else "decimal"
    edge, sign, bound = ("below_min", ">=", least) if value < least else ("above_max", "<=", most)
    raise Refusal(
        400,
        f"Invalid '{field}': {kind} {edge.replace('_', ' ')}imum value. "
        f"Expected a value {sign} {bound:g}, but got {value:g} instead.",
        param=field,
        code=f"{kind}_{edge}_value",
    )


def _check(request: ChatRequest) -> None:
    """What the types cannot say."""
    if not request.messages:
        raise Refusal(
            400,
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            param="messages",
            code="empty_array",
        )
    if not request.model:
        raise Refusal(400, "you must provide a model parameter")
    for index, message in enumerate(request.messages):
        if message.role == "tool" and message.tool_call_id is None:
            raise _missing(f"messages[{index}].tool_call_id")
        if message.content is None and message.role not in ("assistant", "function"):
            raise _missing(f"messages[{index}].content")
    if request.n is not None:
        _in_range(request, "n", 1, 128)
    if request.max_tokens is not None or request.max_completion_tokens is not None:
        _in_range(request, "max_tokens", 1, 2**31)
        _in_range(request, "max_completion_tokens", 1, 2**31)
        if request.max_tokens is not None and request.max_completion_tokens is not None:
            raise Refusal(
                400,
                "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
                param="max_tokens",
                code="invalid_parameter_combination",
            )
    _in_range(request, "temperature", 0, 2)
    _in_range(request, "top_p", 0, 1)
    if request.stream_options is not None and not request.stream:
        raise Refusal(
            400,
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            param="stream_options",
        )
    if request.tools is not None or request.tool_choice is not None:
        _check_tools(request)


def _check_tools(request: ChatRequest) -> None:
    if request.tools is not None and not request.tools:
        raise Refusal(400, "Invalid 'tools': empty array.", param="tools", code="empty_array")
    if not request.tools:
        raise Refusal(400, "'tool_choice' is only allowed when 'tools' are specified.", param="tool_choice")
    if isinstance(request.tool_choice, NamedTool):
        name = request.tool_choice.function.name
        if all(tool.function.name != name for tool in request.tools):
            raise Refusal(400, f"Tool choice '{name}' not found in 'tools' parameter.", param="tool_choice")


_MISSING = re.compile(r"Object missing required field `(\w+)`(?: - at `\$\.?(.*)`)?")
_WRONG = re.compile(r"Expected `(.+?)`, got `(.+?)`(?: - at `\$\.?(.*)`)?")
_NO_SUCH = re.compile(r"Invalid enum value (.+?)(?: - at `\$\.?(.*)`)?")
_NAMES = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "array": "array",
    "object": "object",
    "null": "null",
}


def _missing(param: str) -> Refusal:
    return Refusal(400, f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")


def translated(problem: str) -> Refusal:
    """Put the decoder's complaint (``Expected `str`, got `int` - at `$.model```) into the API's words."""
    if match := _MISSING.fullmatch(problem):
        field, where = match[1], match[2]
        if field == "model" and not where:
            return Refusal(400, "you must provide a model parameter")
        return _missing(f"{where}.{field}" if where else field)
    if match := _WRONG.fullmatch(problem):
        wanted, got, where = match[1], match[2], match[3]
        if not where:
            return Refusal(400, _UNPARSABLE)
        expected = " or ".join(_NAMES.get(kind, kind) for kind in wanted.split(" | "))
        return Refusal(
            400,
            f"Invalid type for '{where}': expected {expected}, but got {_NAMES.get(got, got)} instead.",
            param=where,
            code="invalid_type",
        )
    if problem == "not JSON":
        return Refusal(400, _UNPARSABLE)
    if match := _NO_SUCH.fullmatch(problem):
        return Refusal(400, f"Invalid value: {match[1]}.", param=match[2], code="invalid_value")
    return Refusal(400, problem)
