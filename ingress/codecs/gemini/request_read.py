"""Reads requests of generateContent. Source: Gemini API, "Generating content", "Function calling", "Thinking"."""

from __future__ import annotations

from typing import Any

import msgspec

from ingress.codecs.fields import Fields, wrong
from ingress.codecs.gemini.naming import camel, standard
from ingress.codecs.gemini.schema import json_schema
from ingress.codecs.media import FORMATS
from schemas.conversation.ask import Conversation
from schemas.conversation.parts import (
    Audio,
    File,
    Format,
    Image,
    Message,
    Part,
    Reasoning,
    Safety,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

NAME = "gemini"

_encode = msgspec.json.Encoder().encode


def read_request(body: dict[str, Any]) -> Conversation:
    """`model` and `stream` are in the path here: whoever reads the path puts them into the body first."""
    fields = Fields(camel(body))
    other: dict[str, Any] = {}
    calls = Calls()
    messages: list[Message] = []
    system = fields.any("systemInstruction") or fields.any("system_instruction")
    if system is not None:
        said = Fields(system, "systemInstruction")
        messages.append(Message("system", tuple(read_parts(said, calls))))
    for each in fields.each("contents", needed=True):
        messages += _messages(each, calls)
    tools, foreign = _tools(fields)
    if foreign:
        other["tools"] = foreign
    config = fields.inner("generationConfig") or fields.inner("generation_config") or Fields({}, "generationConfig")
    conversation = Conversation(
        model=fields.string("model", needed=True).removeprefix("models/"),
        messages=tuple(messages),
        tools=tools,
        tool_choice=_tool_choice(fields),
        format=_format(config),
        reasoning=_reasoning(config),
        max_output=config.integer("maxOutputTokens", 1),
        temperature=config.number("temperature"),
        top_p=config.number("topP"),
        top_k=config.integer("topK"),
        frequency_penalty=config.number("frequencyPenalty"),
        presence_penalty=config.number("presencePenalty"),
        seed=config.integer("seed"),
        stop=config.strings("stopSequences"),
        n=config.integer("candidateCount", 1),
        logprobs=config.flag("responseLogprobs"),
        top_logprobs=config.integer("logprobs", 0),
        stream=fields.flag("stream") or False,
        safety=tuple(
            Safety(each.string("category", needed=True), each.string("threshold", needed=True))
            for each in fields.each("safetySettings")
        ),
        metadata=_labels(fields),
        origin=NAME,
    )
    if rest := config.rest():
        other["generationConfig"] = rest
    return msgspec.structs.replace(conversation, other={**fields.rest(), **other})


class Calls:
    """Ids for calls of functions, which this API may leave out: a result belongs to the oldest open call by name."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        """Makes the ids of one answer differ from those of the next."""
        self._open: dict[str, list[str]] = {}
        self._count = 0

    def called(self, name: str, id: str) -> str:
        if not id:
            self._count += 1
            id = f"call_{self.prefix}{self._count}"
        self._open.setdefault(name, []).append(id)
        return id

    def answered(self, name: str, id: str) -> str:
        waiting = self._open.get(name, [])
        if not id:
            return waiting.pop(0) if waiting else f"call_{name}"
        if id in waiting:
            waiting.remove(id)
        return id


def _labels(fields: Fields) -> dict[str, str] | None:
    labels = fields.object("labels")
    if labels is not None and not all(isinstance(value, str) for value in labels.values()):
        raise wrong("labels", "an object of strings")
    return labels


def _messages(fields: Fields, calls: Calls) -> list[Message]:
    role = fields.string("role") or "user"
    if role not in ("user", "model", "function"):
        raise wrong(fields.path("role"), "one of user, model")
    parts = read_parts(fields, calls)
    if role == "model":
        return [Message("assistant", tuple(parts))]
    results = tuple(part for part in parts if isinstance(part, ToolResult))
    rest = tuple(part for part in parts if not isinstance(part, ToolResult))
    found = [Message("tool", results)] if results else []
    return [*found, Message("user", rest)] if rest or not results else found


def read_parts(fields: Fields, calls: Calls) -> list[Part]:
    parts: list[Part] = []
    for each in fields.each("parts"):
        parts += _part(each, calls)
    return parts


def _part(fields: Fields, calls: Calls) -> list[Part]:
    signature = fields.string("thoughtSignature")
    if (text := fields.any("text")) is not None:
        text = fields.string("text")
        if fields.flag("thought"):
            return [Thinking(text, signature)]
        found: list[Part] = [Text(text)] if text else []
        # a signature under plain text goes on as a thought without words
        return [*found, Thinking(signature=signature)] if signature else found
    if (call := fields.inner("functionCall")) is not None:
        name, args = call.string("name", needed=True), call.any("args")
        arguments = _encode({} if args is None else args).decode()
        return [ToolCall(calls.called(name, call.string("id")), name, arguments, signature)]
    if (result := fields.inner("functionResponse")) is not None:
        return [_result(result, calls)]
    if (inline := fields.inner("inlineData") or fields.inner("inline_data")) is not None:
        media_type = inline.string("mimeType") or inline.string("mime_type")
        return [_media(media_type, data=standard(inline.string("data", needed=True)))]
    if (file := fields.inner("fileData") or fields.inner("file_data")) is not None:
        url = file.string("fileUri") or file.string("file_uri")
        return [_media(file.string("mimeType"), url=url)]
    if signature:
        return [Thinking(signature=signature)]
    if any(name in fields.body for name in ("executableCode", "codeExecutionResult")):
        return []
    raise wrong(fields.where, "a part with text, inlineData, fileData, functionCall or functionResponse")


def _media(media_type: str, *, data: str = "", url: str = "") -> Part:
    if media_type.startswith("image/") or (not media_type and url):
        return Image(url, data, media_type)
    if data and media_type in FORMATS:
        return Audio(data, FORMATS[media_type])
    return File(data, media_type, url)


def _result(fields: Fields, calls: Calls) -> ToolResult:
    """`response` is an object; by convention what the function gave is its `result` or `output`, or an `error`."""
    name = fields.string("name", needed=True)
    response = fields.object("response") or {}
    value: Any = response
    error = False
    if len(response) == 1:
        ((key, inner),) = response.items()
        if key in ("result", "output", "error"):
            value, error = inner, key == "error"
    text = value if isinstance(value, str) else _encode(value).decode()
    return ToolResult(calls.answered(name, fields.string("id")), (Text(text),), error, name)


def _tools(fields: Fields) -> tuple[tuple[Tool, ...], list[Any]]:
    """Declared functions; searches, code execution and the like are this provider's own."""
    tools: list[Tool] = []
    foreign: list[Any] = []
    for each in fields.each("tools"):
        declared = each.each("functionDeclarations") or each.each("function_declarations")
        for function in declared:
            schema = function.object("parametersJsonSchema")
            if schema is None and (old := function.object("parameters")) is not None:
                schema = json_schema(old)
            tools.append(Tool(function.string("name", needed=True), function.string("description"), schema))
        if rest := each.rest():
            foreign.append(rest)
    return tuple(tools), foreign


def _tool_choice(fields: Fields) -> ToolChoice | None:
    config = fields.inner("toolConfig") or fields.inner("tool_config")
    calling = None if config is None else config.inner("functionCallingConfig")
    if calling is None:
        return None
    names = calling.strings("allowedFunctionNames")
    match calling.string("mode").upper():
        case "ANY" | "VALIDATED":
            return ToolChoice("named", names[0]) if len(names) == 1 else ToolChoice("required")
        case "NONE":
            return ToolChoice("none")
    return ToolChoice("auto")


def _format(config: Fields) -> Format | None:
    kind = config.string("responseMimeType")
    schema = config.object("responseJsonSchema")
    if schema is None and (old := config.object("responseSchema")) is not None:
        schema = json_schema(old)
    if schema is not None:
        return Format("schema", schema=schema)
    return Format("json") if kind == "application/json" else None


def _reasoning(config: Fields) -> Reasoning | None:
    thinking = config.inner("thinkingConfig")
    if thinking is None:
        return None
    budget = thinking.integer("thinkingBudget")
    shown = thinking.flag("includeThoughts")
    summary = "" if shown is None else "auto" if shown else "none"
    if budget == 0:
        return Reasoning("none", summary=summary)
    effort = thinking.string("thinkingLevel").lower()
    return Reasoning(effort, budget if budget is not None and budget > 0 else None, summary)
