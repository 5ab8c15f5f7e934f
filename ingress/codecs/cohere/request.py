"""Writes requests of Cohere's chat, version 2. Source: Cohere API reference, "Chat" (v2)."""

from __future__ import annotations

from typing import Any

from ingress.codecs.anthropic.request_write import BUDGETS
from ingress.codecs.codec import Encoded
from ingress.codecs.fields import put
from ingress.codecs.losses import Losses
from ingress.codecs.media import url_of
from ingress.codecs.openai.chat_request_write import written_result
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
    ToolResult,
)

NAME = "cohere"
MOST_STOPS = 5
_UNSAYABLE = (
    "parallel_tool_calls", "n", "logprobs", "top_logprobs", "user", "metadata", "service_tier", "safety", "other",
)  # fmt: skip


def write_request(conversation: Conversation) -> Encoded:
    losses = Losses()
    losses.unless_unsaid(conversation, *_UNSAYABLE)
    body: dict[str, Any] = {"model": conversation.model, "stream": conversation.stream, "messages": []}
    for message in conversation.messages:
        body["messages"] += _messages(message, losses)
    if len(conversation.stop) > MOST_STOPS:
        losses.drop("stop")
    tools, choice = _tools(conversation)
    put(
        body,
        tools=[_tool(tool, losses) for tool in tools],
        tool_choice=choice,
        strict_tools=_strict(tools, losses),
        response_format=_format(conversation.format, losses),
        max_tokens=conversation.max_output,
        temperature=conversation.temperature,
        p=_within(conversation.top_p, 0.01, 0.99, "top_p", losses),
        k=None if conversation.top_k is None else _within(conversation.top_k, 0, 500, "top_k", losses),
        frequency_penalty=_within(conversation.frequency_penalty, 0.0, 1.0, "frequency_penalty", losses),
        presence_penalty=_within(conversation.presence_penalty, 0.0, 1.0, "presence_penalty", losses),
        seed=conversation.seed,
        stop_sequences=list(conversation.stop[:MOST_STOPS]),
        thinking=_thinking(conversation.reasoning, losses),
    )
    return Encoded(body, losses.names())


def _within(value: float | None, least: float, most: float, name: str, losses: Losses) -> float | None:
    """The nearest value that is taken here."""
    if value is None or least <= value <= most:
        return value
    losses.drop(name)
    return min(max(value, least), most)


def _messages(message: Message, losses: Losses) -> list[dict[str, Any]]:
    if message.name:
        losses.drop("messages.name")
    if message.role == "tool":
        return [written_result(part, losses) for part in message.parts if isinstance(part, ToolResult)]
    role = "system" if message.role == "developer" else message.role
    content: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, ToolCall):
            function = {"name": part.name, "arguments": part.arguments}
            calls.append({"id": part.id, "type": "function", "function": function})
        elif (piece := _piece(part, losses)) is not None:
            content.append(piece)
    written: dict[str, Any] = {"role": role}
    if calls:
        # what was said before a call is its plan here
        plan = "".join(piece.pop("text") for piece in content if piece["type"] == "text")
        content = [piece for piece in content if piece["type"] != "text"]
        put(written, tool_plan=plan, tool_calls=calls)
    if len(content) == 1 and content[0]["type"] == "text":
        written["content"] = content[0]["text"]
    elif content:
        written["content"] = content
    elif not calls:
        written["content"] = ""
    return [written]


def _piece(part: Part, losses: Losses) -> dict[str, Any] | None:
    if isinstance(part, (Text, Image, File)) and part.cache:
        # there is nothing here to say it with, nor is it needed
        losses.drop("cache_control")
    match part:
        case Text(text=text) | Refusal(text=text):
            return {"type": "text", "text": text} if text else None
        case File(text=text) if text:
            return {"type": "text", "text": text}
        case Image():
            image = {"url": url_of(part)}
            put(image, detail=part.detail)
            return {"type": "image_url", "image_url": image}
        case Thinking(text=text) if text:
            if part.signature or part.encrypted:
                losses.drop("thinking.signature")
            return {"type": "thinking", "thinking": text}
        case Thinking():
            losses.drop("thinking")
        case File():
            losses.drop("file")
        case Audio():
            losses.drop("audio")
    return None


def _tools(conversation: Conversation) -> tuple[tuple[Tool, ...], str]:
    """The tools and the word for the choice; to want one by name is to want any of that one alone."""
    choice = conversation.tool_choice
    if choice is None or choice.mode == "auto" or not conversation.tools:
        return conversation.tools, ""
    if choice.mode == "named":
        return tuple(tool for tool in conversation.tools if tool.name == choice.name), "REQUIRED"
    return conversation.tools, "NONE" if choice.mode == "none" else "REQUIRED"


def _tool(tool: Tool, losses: Losses) -> dict[str, Any]:
    if tool.cache:
        losses.drop("cache_control")
    function: dict[str, Any] = {"name": tool.name}
    put(function, description=tool.description)
    function["parameters"] = tool.parameters if tool.parameters is not None else {"type": "object", "properties": {}}
    return {"type": "function", "function": function}


def _strict(tools: tuple[Tool, ...], losses: Losses) -> bool | None:
    """All of them are, or none."""
    wanted = [tool for tool in tools if tool.strict]
    if len(wanted) not in (0, len(tools)):
        losses.drop("tools.strict")
        return None
    return True if wanted else None


def _format(form: Format | None, losses: Losses) -> dict[str, Any] | None:
    if form is None or form.kind == "text":
        return None
    written: dict[str, Any] = {"type": "json_object"}
    if form.schema is not None:
        written["json_schema"] = form.schema
    if form.strict is False:
        losses.drop("format.strict")
    return written


def _thinking(reasoning: Reasoning | None, losses: Losses) -> dict[str, Any] | None:
    if reasoning is None:
        return None
    if reasoning.effort == "none" or reasoning.budget_tokens == 0:
        return {"type": "disabled"}
    budget = reasoning.budget_tokens if reasoning.budget_tokens is not None else BUDGETS.get(reasoning.effort)
    if budget is None:
        if reasoning.effort:
            losses.drop("reasoning.effort")
            return None
        return {"type": "enabled"}
    return {"type": "enabled", "token_budget": budget}
