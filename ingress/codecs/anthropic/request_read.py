"""Reads requests of Anthropic's Messages API. Source: API reference, "Create a Message"; "Extended thinking"."""

from __future__ import annotations

from typing import Any

import msgspec

from ingress.codecs.anthropic.signed_calls import put_back
from ingress.codecs.fields import Fields, wrong
from schemas.conversation.ask import Conversation
from schemas.conversation.parts import (
    File,
    Format,
    Image,
    Message,
    Part,
    Reasoning,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

NAME = "anthropic"

_encode = msgspec.json.Encoder().encode


def read_request(body: dict[str, Any]) -> Conversation:
    fields = Fields(body)
    other: dict[str, Any] = {}
    messages: list[Message] = []
    system = _system(fields)
    if system:
        messages.append(Message("system", system))
    for each in fields.each("messages", needed=True):
        messages += _messages(each)
    tools, foreign = _tools(fields)
    if foreign:
        other["tools"] = foreign
    choice, parallel = _tool_choice(fields)
    metadata = fields.inner("metadata")
    user = ""
    if metadata is not None:
        user = metadata.string("user_id")
        if rest := metadata.rest():
            other["metadata"] = rest
    return Conversation(
        model=fields.string("model", needed=True),
        messages=tuple(messages),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=parallel,
        format=_format(fields),
        reasoning=_reasoning(fields),
        max_output=fields.integer("max_tokens", 1),
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        top_k=fields.integer("top_k", 0),
        stop=fields.strings("stop_sequences"),
        stream=fields.flag("stream") or False,
        user=user,
        service_tier=fields.string("service_tier"),
        origin=NAME,
        other={**fields.rest(), **other},
    )


def _cached(fields: Fields) -> bool:
    return fields.object("cache_control") is not None


def _system(fields: Fields) -> tuple[Part, ...]:
    value = fields.any("system")
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        return (Text(value),)
    parts = []
    for each in fields.each("system"):
        if each.string("type", needed=True) != "text":
            raise wrong(each.path("type"), "text")
        parts.append(Text(each.string("text"), _cached(each)))
    return tuple(parts)


def _messages(fields: Fields) -> list[Message]:
    """One turn; a user's turn with results of tools is two, the results first, as this API demands them."""
    role = fields.string("role", needed=True)
    if role not in ("user", "assistant", "system"):
        raise wrong(fields.path("role"), "one of user, assistant")
    value = fields.any("content")
    if isinstance(value, str):
        return [Message(role, (Text(value),) if value else ())]
    parts = put_back(read_block(each) for each in fields.each("content"))
    results = tuple(part for part in parts if isinstance(part, ToolResult))
    if not results:
        return [Message(role, tuple(parts))]
    rest = tuple(part for part in parts if not isinstance(part, ToolResult))
    return [Message("tool", results), *([Message(role, rest)] if rest else [])]


def read_block(fields: Fields) -> Part:
    """One content block."""
    kind = fields.string("type", needed=True)
    match kind:
        case "text":
            return Text(fields.string("text"), _cached(fields))
        case "image":
            return _image(fields)
        case "document":
            return _document(fields)
        case "tool_use":
            arguments = fields.any("input")
            text = _encode({} if arguments is None else arguments).decode()
            return ToolCall(
                fields.string("id", needed=True), fields.string("name", needed=True), text, cache=_cached(fields)
            )
        case "tool_result":
            return ToolResult(
                fields.string("tool_use_id", needed=True),
                _result(fields),
                fields.flag("is_error") or False,
                cache=_cached(fields),
            )
        case "thinking":
            return Thinking(fields.string("thinking"), fields.string("signature"))
        case "redacted_thinking":
            return Thinking(encrypted=fields.string("data"))
    raise wrong(fields.path("type"), "one of text, image, document, tool_use, tool_result, thinking, redacted_thinking")


def _result(fields: Fields) -> tuple[Text | Image | File, ...]:
    value = fields.any("content")
    if value is None:
        return ()
    if isinstance(value, str):
        return (Text(value),)
    found = (read_block(each) for each in fields.each("content"))
    return tuple(part for part in found if isinstance(part, (Text, Image, File)))


def _image(fields: Fields) -> Image:
    source = Fields(fields.any("source"), fields.path("source"))
    match source.string("type", needed=True):
        case "base64":
            data = source.string("data", needed=True)
            return Image(data=data, media_type=source.string("media_type", needed=True), cache=_cached(fields))
        case "url":
            return Image(url=source.string("url", needed=True), cache=_cached(fields))
    raise wrong(source.path("type"), "one of base64, url")


def _document(fields: Fields) -> File:
    source = Fields(fields.any("source"), fields.path("source"))
    name, cache = fields.string("title"), _cached(fields)
    match source.string("type", needed=True):
        case "base64":
            return File(source.string("data", needed=True), source.string("media_type"), name=name, cache=cache)
        case "url":
            return File(url=source.string("url", needed=True), name=name, cache=cache)
        case "text":
            text = source.string("data", needed=True)
            return File(text=text, media_type=source.string("media_type"), name=name, cache=cache)
        case "file":
            return File(id=source.string("file_id", needed=True), name=name, cache=cache)
        case "content":
            texts = [part.text for part in map(read_block, source.each("content")) if isinstance(part, Text)]
            return File(text="\n".join(texts), media_type="text/plain", name=name, cache=cache)
    raise wrong(source.path("type"), "one of base64, url, text, file, content")


def _tools(fields: Fields) -> tuple[tuple[Tool, ...], list[Any]]:
    """The caller's own tools, and the provider's (those with a type), which only this provider knows."""
    tools: list[Tool] = []
    foreign: list[Any] = []
    for each in fields.each("tools"):
        if each.string("type") not in ("", "custom"):
            foreign.append(each.body)
            continue
        name, schema = each.string("name", needed=True), each.object("input_schema")
        tools.append(Tool(name, each.string("description"), schema, each.flag("strict"), _cached(each)))
    return tuple(tools), foreign


def _tool_choice(fields: Fields) -> tuple[ToolChoice | None, bool | None]:
    choice = fields.inner("tool_choice")
    if choice is None:
        return None, None
    alone = choice.flag("disable_parallel_tool_use")
    parallel = None if alone is None else not alone
    match choice.string("type", needed=True):
        case "auto" | "none" as mode:
            return ToolChoice(mode), parallel
        case "any":
            return ToolChoice("required"), parallel
        case "tool":
            return ToolChoice("named", choice.string("name", needed=True)), parallel
    raise wrong(choice.path("type"), "one of auto, any, tool, none")


def _format(fields: Fields) -> Format | None:
    """`output_config.format`, or `output_format` as it was called first."""
    config = fields.inner("output_config")
    form = fields.inner("output_format") if config is None else config.inner("format")
    if form is None:
        return None
    if form.string("type", needed=True) != "json_schema":
        raise wrong(form.path("type"), "json_schema")
    return Format("schema", schema=form.object("schema"), strict=True)


def _reasoning(fields: Fields) -> Reasoning | None:
    thinking = fields.inner("thinking")
    config = fields.inner("output_config")
    effort = "" if config is None else config.string("effort")
    if thinking is None:
        return Reasoning(effort=effort) if effort else None
    match thinking.string("type", needed=True):
        case "enabled":
            return Reasoning(effort=effort, budget_tokens=thinking.integer("budget_tokens", 1))
        case "adaptive":
            return Reasoning(effort=effort or "medium", summary="auto")
        case "disabled":
            return Reasoning(effort="none")
    raise wrong(thinking.path("type"), "one of enabled, adaptive, disabled")
