"""Writes requests of OpenAI's chat completions. Source: API reference, "Create chat completion"."""

from __future__ import annotations

from typing import Any

from ingress.codecs.codec import Encoded
from ingress.codecs.fields import put
from ingress.codecs.losses import Losses, say_own
from ingress.codecs.media import url_of
from ingress.codecs.openai.chat_request_read import NAME
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


def write_request(conversation: Conversation, *, thinking: bool = False) -> Encoded:
    """The body for a provider. `thinking`: whether it takes earlier reasoning back (`reasoning_content`)."""
    losses = Losses()
    losses.unless_unsaid(conversation, "safety", "top_k")
    body: dict[str, Any] = {"model": conversation.model, "messages": []}
    for message in conversation.messages:
        body["messages"] += _written_messages(message, losses, thinking=thinking)
    put(
        body,
        tools=[_written_tool(tool) for tool in conversation.tools],
        tool_choice=_written_choice(conversation.tool_choice),
        parallel_tool_calls=conversation.parallel_tool_calls,
        response_format=_written_format(conversation.format),
        max_completion_tokens=conversation.max_output,
        temperature=conversation.temperature,
        top_p=conversation.top_p,
        frequency_penalty=conversation.frequency_penalty,
        presence_penalty=conversation.presence_penalty,
        seed=conversation.seed,
        stop=list(conversation.stop),
        n=conversation.n,
        logprobs=conversation.logprobs,
        top_logprobs=conversation.top_logprobs,
        user=conversation.user,
        metadata=conversation.metadata,
        service_tier=conversation.service_tier,
        reasoning_effort=_effort(conversation.reasoning, losses),
    )
    if conversation.stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    say_own(body, conversation, NAME, losses)
    return Encoded(body, losses.names())


def _effort(reasoning: Reasoning | None, losses: Losses) -> str:
    """The word nearest to a budget, by the shares that providers' own compatibility layers document."""
    if reasoning is None:
        return ""
    if reasoning.effort or reasoning.budget_tokens is None:
        return reasoning.effort
    losses.drop("reasoning.budget_tokens")
    budget = reasoning.budget_tokens
    if budget <= 0:
        return "none"
    return "low" if budget <= 1_024 else "medium" if budget <= 8_192 else "high"


def _written_messages(message: Message, losses: Losses, *, thinking: bool) -> list[dict[str, Any]]:
    if message.role == "tool":
        return [written_result(part, losses) for part in message.parts if isinstance(part, ToolResult)]
    written: dict[str, Any] = {"role": message.role}
    content: list[dict[str, Any]] = []
    thoughts: list[Thinking] = []
    calls: list[ToolCall] = []
    for part in message.parts:
        if isinstance(part, Thinking):
            thoughts.append(part)
        elif isinstance(part, ToolCall):
            calls.append(part)
        elif isinstance(part, Audio) and part.id:
            written["audio"] = {"id": part.id}
        elif (found := _written_part(part, losses)) is not None:
            content.append(found)
    if len(content) == 1 and content[0]["type"] == "text":
        written["content"] = content[0]["text"]
    elif content:
        written["content"] = content
    elif message.role == "assistant":
        written["content"] = None
    else:
        written["content"] = ""
    put(written, name=message.name, tool_calls=[written_call(call) for call in calls])
    if thoughts:
        if thinking:
            put(written, reasoning_content="".join(thought.text for thought in thoughts))
            if any(thought.signature or thought.encrypted for thought in thoughts):
                losses.drop("thinking.signature")
        else:
            losses.drop("thinking")
    return [written]


def _written_part(part: Part, losses: Losses) -> dict[str, Any] | None:
    if isinstance(part, (Text, Image, File)) and part.cache:
        # caching is automatic here: nothing is lost but the marker
        losses.drop("cache_control")
    match part:
        case Text(text=text):
            return {"type": "text", "text": text}
        case Refusal(text=text):
            return {"type": "refusal", "refusal": text}
        case Image():
            image = {"url": url_of(part)}
            put(image, detail=part.detail)
            return {"type": "image_url", "image_url": image}
        case Audio(data=data, format=form):
            return {"type": "input_audio", "input_audio": {"data": data, "format": form}}
        case File(text=text) if text:
            return {"type": "text", "text": text}
        case File():
            if part.url:
                losses.drop("file.url")
                return None
            file: dict[str, Any] = {}
            put(file, file_id=part.id, filename=part.name, file_data=url_of(part))
            return {"type": "file", "file": file}
    losses.drop("tool_result")
    return None


def written_result(result: ToolResult, losses: Losses) -> dict[str, Any]:
    texts = []
    for part in result.parts:
        if isinstance(part, Text):
            texts.append(part.text)
        else:
            losses.drop("tool_result." + type(part).__name__.lower())
    if result.error:
        losses.drop("tool_result.is_error")
    content: Any = texts[0] if len(texts) == 1 else [{"type": "text", "text": text} for text in texts] or ""
    return {"role": "tool", "tool_call_id": result.call_id, "content": content}


def written_call(call: ToolCall) -> dict[str, Any]:
    written: dict[str, Any] = {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
    if call.signature:
        written["extra_content"] = {"google": {"thought_signature": call.signature}}
    return written


def _written_tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    put(function, description=tool.description, strict=tool.strict)
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    return {"type": "function", "function": function}


def _written_choice(choice: ToolChoice | None) -> Any:
    if choice is None:
        return None
    if choice.mode == "named":
        return {"type": "function", "function": {"name": choice.name}}
    return choice.mode


def _written_format(form: Format | None) -> dict[str, Any] | None:
    if form is None:
        return None
    if form.kind == "schema":
        schema: dict[str, Any] = {"name": form.name or "answer"}
        put(schema, description=form.description, strict=form.strict)
        if form.schema is not None:
            schema["schema"] = form.schema
        return {"type": "json_schema", "json_schema": schema}
    return {"type": "json_object" if form.kind == "json" else "text"}
