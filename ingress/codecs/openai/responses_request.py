"""Requests of OpenAI's Responses API. Source: API reference, "Create a model response", "Input items"."""

from __future__ import annotations

from typing import Any

from ingress.codecs.codec import Encoded
from ingress.codecs.fields import Fields, put, wrong
from ingress.codecs.losses import Losses, say_own
from ingress.codecs.media import image_of, split_data_url, url_of
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
from schemas.errors import InvalidRequest

NAME = "openai_responses"


def read_request(body: dict[str, Any]) -> Conversation:
    fields = Fields(body)
    other: dict[str, Any] = {}
    for name in ("previous_response_id", "conversation"):
        if fields.any(name) is not None:
            raise InvalidRequest(
                f"Nexus keeps no conversations for callers: send the whole input instead of '{name}'.",
                code="endpoint_unsupported",
                param=name,
            )
    if fields.flag("background"):
        raise InvalidRequest("Answers in the background are not offered.", code="not_implemented", param="background")
    messages: list[Message] = []
    if instructions := fields.string("instructions"):
        messages.append(Message("system", (Text(instructions),)))
    if isinstance(fields.any("input"), str):
        messages.append(Message("user", (Text(fields.string("input", needed=True)),)))
    else:
        messages += _items(fields.each("input", needed=True))
    tools, foreign = _tools(fields)
    put(other, tools=foreign)
    text = fields.inner("text")
    reasoning = fields.inner("reasoning")
    metadata = fields.object("metadata")
    if metadata is not None and not all(isinstance(value, str) for value in metadata.values()):
        raise wrong("metadata", "an object of strings")
    conversation = Conversation(
        model=fields.string("model", needed=True),
        messages=tuple(messages),
        tools=tools,
        tool_choice=_tool_choice(fields, other),
        parallel_tool_calls=fields.flag("parallel_tool_calls"),
        format=None if text is None else _format(text),
        reasoning=None
        if reasoning is None
        else Reasoning(effort=reasoning.string("effort"), summary=reasoning.string("summary")),
        max_output=fields.integer("max_output_tokens", 1),
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        top_logprobs=fields.integer("top_logprobs", 0),
        stream=fields.flag("stream") or False,
        user=fields.string("user"),
        metadata=metadata,
        service_tier=fields.string("service_tier"),
        origin=NAME,
        # nothing is lost when nothing is stored
        other={name: value for name, value in {**fields.rest(), **other}.items() if name != "store"},
    )
    return conversation


def _items(items: list[Fields]) -> list[Message]:
    """Items as turns: what the model said, thought and called between two turns of the user is one turn."""
    messages: list[Message] = []
    said: list[Part] = []
    for each in items:
        kind = each.string("type") or "message"
        match kind:
            case "function_call":
                said.append(
                    ToolCall(
                        each.string("call_id", needed=True),
                        each.string("name", needed=True),
                        each.string("arguments") or "{}",
                    )
                )
                continue
            case "reasoning":
                summary = "\n".join(part.string("text") for part in each.each("summary"))
                said.append(Thinking(summary, encrypted=each.string("encrypted_content"), id=each.string("id")))
                continue
            case "message" if each.string("role") == "assistant":
                said += _content(each)
                continue
        if said:
            messages.append(Message("assistant", tuple(said)))
            said = []
        match kind:
            case "message":
                role = each.string("role", needed=True)
                if role not in ("user", "system", "developer"):
                    raise wrong(each.path("role"), "one of user, assistant, system, developer")
                messages.append(Message(role, tuple(_content(each))))
            case "function_call_output":
                parts = tuple(part for part in _content(each, "output") if isinstance(part, (Text, Image, File)))
                messages.append(Message("tool", (ToolResult(each.string("call_id", needed=True), parts),)))
            case _:
                raise InvalidRequest(
                    f"Input items of the type '{kind[:50]}' are not offered.",
                    code="not_implemented",
                    param=each.path("type"),
                )
    if said:
        messages.append(Message("assistant", tuple(said)))
    return messages


def _content(fields: Fields, name: str = "content") -> list[Part]:
    value = fields.any(name)
    if isinstance(value, str):
        return [Text(value)] if value else []
    return [_part(each) for each in fields.each(name)]


def _part(fields: Fields) -> Part:
    match fields.string("type", needed=True):
        case "input_text" | "output_text" | "text":
            return Text(fields.string("text"))
        case "refusal":
            return Refusal(fields.string("refusal"))
        case "input_image":
            if not fields.string("image_url"):
                raise wrong(fields.path("image_url"), "an address or a data URL")
            detail = fields.string("detail")
            return image_of(fields.string("image_url"), "" if detail == "auto" else detail)
        case "input_audio":
            audio = Fields(fields.any("input_audio"), fields.path("input_audio"))
            return Audio(audio.string("data", needed=True), audio.string("format"))
        case "input_file":
            data = fields.string("file_data")
            found = split_data_url(data)
            media_type, data = found if found is not None else ("", data)
            url, name = fields.string("file_url"), fields.string("filename")
            return File(data, media_type, url, id=fields.string("file_id"), name=name)
    raise wrong(fields.path("type"), "one of input_text, output_text, input_image, input_audio, input_file, refusal")


def _tools(fields: Fields) -> tuple[tuple[Tool, ...], list[Any]]:
    """Functions, and the tools of other kinds, which only this provider knows."""
    tools: list[Tool] = []
    foreign: list[Any] = []
    for each in fields.each("tools"):
        if each.string("type") != "function":
            foreign.append(each.body)
            continue
        name, schema = each.string("name", needed=True), each.object("parameters")
        tools.append(Tool(name, each.string("description"), schema, each.flag("strict")))
    return tuple(tools), foreign


def _tool_choice(fields: Fields, other: dict[str, Any]) -> ToolChoice | None:
    value = fields.any("tool_choice")
    if value is None:
        return None
    if isinstance(value, str):
        if value not in ("auto", "none", "required"):
            raise wrong("tool_choice", "one of auto, none, required, or an object")
        return ToolChoice(value)
    named = Fields(value, "tool_choice")
    if named.string("type") == "function":
        return ToolChoice("named", named.string("name", needed=True))
    other["tool_choice"] = value
    return None


def _format(text: Fields) -> Format | None:
    form = text.inner("format")
    if form is None:
        return None
    match form.string("type", needed=True):
        case "text":
            return Format("text")
        case "json_object":
            return Format("json")
        case "json_schema":
            return Format(
                "schema",
                form.string("name"),
                form.object("schema"),
                form.string("description"),
                form.flag("strict"),
            )
    raise wrong(form.path("type"), "one of text, json_object, json_schema")


def write_request(conversation: Conversation) -> Encoded:
    losses = Losses()
    losses.unless_unsaid(
        conversation, "safety", "top_k", "frequency_penalty", "presence_penalty", "seed", "stop", "n", "logprobs"
    )
    items: list[dict[str, Any]] = []
    for message in conversation.messages:
        items += _written_items(message, losses)
    body: dict[str, Any] = {"model": conversation.model, "input": items, "store": False}
    put(
        body,
        tools=[_written_tool(tool) for tool in conversation.tools],
        tool_choice=_written_choice(conversation.tool_choice),
        parallel_tool_calls=conversation.parallel_tool_calls,
        max_output_tokens=conversation.max_output,
        temperature=conversation.temperature,
        top_p=conversation.top_p,
        top_logprobs=conversation.top_logprobs,
        user=conversation.user,
        metadata=conversation.metadata,
        service_tier=conversation.service_tier,
        text=_written_format(conversation.format),
    )
    if conversation.stream:
        body["stream"] = True
    if conversation.reasoning is not None:
        reasoning: dict[str, Any] = {}
        put(reasoning, effort=conversation.reasoning.effort, summary=conversation.reasoning.summary)
        put(body, reasoning=reasoning)
        if conversation.reasoning.budget_tokens is not None:
            losses.drop("reasoning.budget_tokens")
    say_own(body, conversation, NAME, losses)
    return Encoded(body, losses.names())


def _written_items(message: Message, losses: Losses) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    content: list[dict[str, Any]] = []
    answered = message.role == "assistant"
    if message.name:
        losses.drop("messages.name")

    def flush() -> None:
        if content:
            items.append({"type": "message", "role": message.role, "content": list(content)})
            content.clear()

    for part in message.parts:
        match part:
            case ToolCall():
                flush()
                call = {"call_id": part.id, "name": part.name, "arguments": part.arguments}
                items.append({"type": "function_call", **call})
            case ToolResult():
                flush()
                items.append(_written_result(part, losses))
            case Thinking(encrypted=encrypted) if encrypted and part.id:
                flush()
                summary = [{"type": "summary_text", "text": part.text}] if part.text else []
                sealed = {"id": part.id, "summary": summary, "encrypted_content": encrypted}
                items.append({"type": "reasoning", **sealed})
            case Thinking():
                losses.drop("thinking")
            case _:
                written = _written_part(part, losses, answered=answered)
                if written is not None:
                    content.append(written)
    flush()
    return items


def _written_result(result: ToolResult, losses: Losses) -> dict[str, Any]:
    if result.error:
        losses.drop("tool_result.is_error")
    parts = [written for part in result.parts if (written := _written_part(part, losses, answered=False)) is not None]
    plain = len(parts) == 1 and parts[0]["type"] == "input_text"
    output: Any = parts[0]["text"] if plain else parts or ""
    return {"type": "function_call_output", "call_id": result.call_id, "output": output}


def _written_part(part: Part, losses: Losses, *, answered: bool) -> dict[str, Any] | None:
    if isinstance(part, (Text, Image, File)) and part.cache:
        losses.drop("cache_control")
    match part:
        case Text(text=text):
            return {"type": "output_text", "text": text} if answered else {"type": "input_text", "text": text}
        case Refusal(text=text):
            return {"type": "refusal", "refusal": text}
        case Image():
            return {"type": "input_image", "image_url": url_of(part), "detail": part.detail or "auto"}
        case Audio(data=data, format=form) if data:
            return {"type": "input_audio", "input_audio": {"data": data, "format": form}}
        case File(text=text) if text:
            return {"type": "input_text", "text": text}
        case File():
            file: dict[str, Any] = {"type": "input_file"}
            data = url_of(File(part.data, part.media_type)) if part.data else ""
            put(file, file_id=part.id, file_url=part.url, filename=part.name, file_data=data)
            return file
    losses.drop(type(part).__name__.lower())
    return None


def _written_tool(tool: Tool) -> dict[str, Any]:
    written: dict[str, Any] = {"type": "function", "name": tool.name, "parameters": tool.parameters}
    put(written, description=tool.description)
    # this API makes functions strict unless told otherwise, and refuses schemas that are not made for it
    written["strict"] = bool(tool.strict)
    return written


def _written_choice(choice: ToolChoice | None) -> Any:
    if choice is None:
        return None
    return {"type": "function", "name": choice.name} if choice.mode == "named" else choice.mode


def _written_format(form: Format | None) -> dict[str, Any] | None:
    if form is None:
        return None
    if form.kind == "schema":
        schema: dict[str, Any] = {"type": "json_schema", "name": form.name or "answer", "schema": form.schema or {}}
        put(schema, description=form.description, strict=form.strict)
        return {"format": schema}
    return {"format": {"type": "json_object" if form.kind == "json" else "text"}}
