"""Reads requests of OpenAI's chat completions. Source: API reference, "Create chat completion"."""

from __future__ import annotations

from typing import Any

from ingress.codecs.fields import Fields, put, wrong
from ingress.codecs.media import image_of, split_data_url
from ingress.codecs.openai.parts import text_of
from schemas.conversation.ask import Conversation
from schemas.conversation.parts import (
    Audio,
    File,
    Format,
    Image,
    Message,
    Part,
    Reasoning,
    Refusal,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

NAME = "openai_chat"
ROLES = ("system", "developer", "user", "assistant", "tool", "function")


def read_request(body: dict[str, Any]) -> Conversation:
    fields = Fields(body)
    other: dict[str, Any] = {}
    tools, foreign = _tools(fields)
    put(other, tools=foreign)
    choice = _tool_choice(fields, other)
    effort = fields.string("reasoning_effort")
    limit, old_limit = fields.integer("max_completion_tokens", 1), fields.integer("max_tokens", 1)
    options = fields.inner("stream_options")
    if options is not None:
        options.flag("include_usage")
        put(other, stream_options=options.rest())
    metadata = fields.object("metadata")
    if metadata is not None and not all(isinstance(value, str) for value in metadata.values()):
        raise wrong("metadata", "an object of strings")
    return Conversation(
        model=fields.string("model", needed=True),
        messages=tuple(_message(each) for each in fields.each("messages", needed=True)),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=fields.flag("parallel_tool_calls"),
        format=_format(fields, other),
        reasoning=Reasoning(effort=effort) if effort else None,
        max_output=limit if limit is not None else old_limit,
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        top_k=fields.integer("top_k"),
        frequency_penalty=fields.number("frequency_penalty"),
        presence_penalty=fields.number("presence_penalty"),
        seed=_seed(fields),
        stop=fields.strings("stop"),
        n=fields.integer("n", 1),
        logprobs=fields.flag("logprobs"),
        top_logprobs=fields.integer("top_logprobs", 0),
        stream=fields.flag("stream") or False,
        user=fields.string("user"),
        metadata=metadata,
        service_tier=fields.string("service_tier"),
        origin=NAME,
        other={**fields.rest(), **other},
    )


def _seed(fields: Fields) -> int | None:
    """Under its own name, or Mistral's, as `any` is Mistral's word for `required`."""
    seed, other = fields.integer("seed"), fields.integer("random_seed")
    return other if seed is None else seed


def _message(fields: Fields) -> Message:
    role = fields.string("role", needed=True)
    if role not in ROLES:
        raise wrong(fields.path("role"), f"one of {', '.join(ROLES)}")
    name = fields.string("name")
    if role in ("tool", "function"):
        call_id = fields.string("tool_call_id") or name
        parts = tuple(part for part in _content(fields) if isinstance(part, (Text, Image, File)))
        return Message("tool", (ToolResult(call_id, parts, name=name),))
    parts_found: list[Part] = []
    if role == "assistant":
        parts_found += read_thinking(fields)
    parts_found += _content(fields)
    if role != "assistant" and any(isinstance(part, Thinking) for part in parts_found):
        raise wrong(fields.path("content"), "without thoughts, which are an assistant's")
    if role == "assistant":
        if refusal := fields.string("refusal"):
            parts_found.append(Refusal(refusal))
        audio = fields.inner("audio")
        if audio is not None:
            parts_found.append(Audio(id=audio.string("id"), data=audio.string("data")))
        parts_found += read_tool_calls(fields)
    return Message(role, tuple(parts_found), name)


def _cached(fields: Fields) -> bool:
    return fields.object("cache_control") is not None


def _content(fields: Fields) -> list[Part]:
    value = fields.any("content")
    if value is None:
        return []
    if isinstance(value, str):
        return [Text(value)] if value else []
    return [_part(each) for each in fields.each("content")]


def _part(fields: Fields) -> Part:
    kind = fields.string("type", needed=True)
    match kind:
        case "text" | "input_text" | "output_text":
            return Text(fields.string("text"), _cached(fields))
        case "refusal":
            return Refusal(fields.string("refusal"))
        case "thinking":
            return Thinking(text_of(fields.body), fields.string("signature"))
        case "image_url":
            inner = fields.any("image_url")
            if isinstance(inner, str):
                return image_of(inner, cache=_cached(fields))
            image = Fields(inner, fields.path("image_url"))
            return image_of(image.string("url", needed=True), image.string("detail"), cache=_cached(fields))
        case "input_audio":
            audio = Fields(fields.any("input_audio"), fields.path("input_audio"))
            return Audio(audio.string("data", needed=True), audio.string("format"))
        case "file":
            file = Fields(fields.any("file"), fields.path("file"))
            data = file.string("file_data")
            found = split_data_url(data)
            media_type, data = found if found is not None else ("", data)
            return File(
                data, media_type, id=file.string("file_id"), name=file.string("filename"), cache=_cached(fields)
            )
    raise wrong(fields.path("type"), "one of text, image_url, input_audio, file, refusal")


def read_thinking(fields: Fields) -> list[Part]:
    """`reasoning_details` (text with signature, or encrypted) where a caller sends them back, else `reasoning_content`
    as several providers of this format tell it."""
    parts: list[Part] = []
    for each in fields.each("reasoning_details"):
        match each.string("type"):
            case "reasoning.encrypted":
                parts.append(Thinking(encrypted=each.string("data"), id=each.string("id")))
            case "reasoning.text" | "reasoning.summary":
                text = each.string("text") or each.string("summary")
                parts.append(Thinking(text, each.string("signature"), id=each.string("id")))
    text = fields.string("reasoning_content") or fields.string("reasoning")
    if not parts and text:
        parts.append(Thinking(text))
    return parts


def read_tool_calls(fields: Fields) -> list[Part]:
    calls: list[Part] = []
    for each in fields.each("tool_calls"):
        function = each.inner("function") or each.inner("custom")
        if function is None:
            raise wrong(each.path("function"), "an object")
        arguments = function.string("arguments") or function.string("input")
        extra = each.inner("extra_content")
        google = extra.inner("google") if extra is not None else None
        signature = google.string("thought_signature") if google is not None else ""
        calls.append(ToolCall(each.string("id"), function.string("name"), arguments or "{}", signature))
    legacy = fields.inner("function_call")
    if legacy is not None:
        name = legacy.string("name")
        calls.append(ToolCall(name, name, legacy.string("arguments") or "{}"))
    return calls


def _tools(fields: Fields) -> tuple[tuple[Tool, ...], list[Any]]:
    """Functions, and the tools of other kinds, which only this provider knows."""
    tools: list[Tool] = []
    foreign: list[Any] = []
    for each in fields.each("tools"):
        if each.string("type") != "function":
            foreign.append(each.body)
            continue
        function = Fields(each.any("function"), each.path("function"))
        tools.append(_function(function, cache=_cached(each)))
    tools += [_function(each, cache=False) for each in fields.each("functions")]
    return tuple(tools), foreign


def _function(fields: Fields, *, cache: bool) -> Tool:
    return Tool(
        fields.string("name", needed=True),
        fields.string("description"),
        fields.object("parameters"),
        fields.flag("strict"),
        cache,
    )


def _tool_choice(fields: Fields, other: dict[str, Any]) -> ToolChoice | None:
    value = fields.any("tool_choice")
    if value is None:
        value = fields.any("function_call")
        if isinstance(value, dict):
            value = {"type": "function", "function": value}
    if value is None:
        return None
    if isinstance(value, str):
        if value not in ("auto", "none", "required", "any"):
            raise wrong("tool_choice", "one of auto, none, required, or an object")
        return ToolChoice("required" if value == "any" else value)
    named = Fields(value, "tool_choice")
    function = named.inner("function")
    if function is None:
        other["tool_choice"] = value
        return None
    return ToolChoice("named", function.string("name", needed=True))


def _format(fields: Fields, other: dict[str, Any]) -> Format | None:
    form = fields.inner("response_format")
    if form is None:
        return None
    match form.string("type", needed=True):
        case "text":
            return Format("text")
        case "json_object":
            return Format("json")
        case "json_schema":
            schema = Fields(form.any("json_schema"), form.path("json_schema"))
            return Format(
                "schema",
                schema.string("name"),
                schema.object("schema"),
                schema.string("description"),
                schema.flag("strict"),
            )
    other["response_format"] = form.body
    return None
