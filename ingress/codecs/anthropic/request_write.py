"""Writes requests of Anthropic's Messages API. Source: API reference, "Create a Message"; "Extended thinking"."""

from __future__ import annotations

from typing import Any

from ingress.codecs.anthropic.request_read import NAME
from ingress.codecs.anthropic.signed_calls import thoughtless
from ingress.codecs.codec import Encoded
from ingress.codecs.fields import put
from ingress.codecs.losses import Losses, arguments_of, say_own
from ingress.codecs.media import split_data_url
from ingress.codecs.signatures import only_own
from ingress.codecs.turns import add_turn, addressed, cooled
from schemas.conversation.ask import Conversation
from schemas.conversation.parts import (
    Audio,
    File,
    Image,
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

DEFAULT_MAX_TOKENS = 4_096
"""This API demands a limit; for callers who gave none and models whose limit is not configured."""
BUDGETS = {"minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576, "xhigh": 32_768, "max": 32_768}
"""Tokens of thought for each word of effort, as OpenAI-compatible layers of this kind of provider document them."""
_CACHE = {"type": "ephemeral"}
_UNSAYABLE = (
    "frequency_penalty", "presence_penalty", "seed", "n", "logprobs", "top_logprobs", "metadata", "safety",
)  # fmt: skip


def write_request(conversation: Conversation) -> Encoded:
    losses = Losses()
    conversation = only_own(addressed(conversation, losses), NAME)
    losses.unless_unsaid(conversation, *_UNSAYABLE)
    system: list[dict[str, Any]] = []
    turns: list[dict[str, Any]] = []
    for message in conversation.messages:
        if message.role in ("system", "developer") and not turns:
            system += [_text(part) for part in message.parts if isinstance(part, Text)]
            continue
        blocks = [block for part in message.parts if (block := _block(part, losses)) is not None]
        add_turn(turns, message, blocks, losses)
    _trim(turns, losses)
    body: dict[str, Any] = {
        "model": conversation.model,
        "max_tokens": conversation.max_output or DEFAULT_MAX_TOKENS,
        "messages": turns,
    }
    if system:
        plain = len(system) == 1 and len(system[0]) == 2
        body["system"] = system[0]["text"] if plain else system
    temperature = cooled(conversation, losses)
    put(
        body,
        tools=[_tool(tool) for tool in conversation.tools],
        tool_choice=_choice(conversation.tool_choice, conversation.parallel_tool_calls, bool(conversation.tools)),
        top_p=conversation.top_p,
        top_k=conversation.top_k,
        stop_sequences=list(conversation.stop),
        service_tier=conversation.service_tier if conversation.service_tier in ("auto", "standard_only") else "",
    )
    if temperature is not None:
        body["temperature"] = temperature
    if conversation.service_tier not in ("", "auto", "standard_only"):
        losses.drop("service_tier")
    if conversation.user:
        body["metadata"] = {"user_id": conversation.user}
    if conversation.stream:
        body["stream"] = True
    _write_format(body, conversation, losses)
    _write_reasoning(body, conversation.reasoning, losses)
    say_own(body, conversation, NAME, losses)
    return Encoded(body, losses.names())


def _trim(turns: list[dict[str, Any]], losses: Losses) -> None:
    """Takes white space off the end of an answer that has been begun: with it, the request is refused."""
    if not turns or turns[-1]["role"] != "assistant" or turns[-1]["content"][-1]["type"] != "text":
        return
    block = turns[-1]["content"][-1]
    kept = block["text"].rstrip()
    if kept != block["text"] and kept:
        losses.drop("text.trailing_space")
        block["text"] = kept


def _text(part: Text) -> dict[str, Any]:
    return _cacheable({"type": "text", "text": part.text}, cache=part.cache)


def _cacheable(block: dict[str, Any], *, cache: bool) -> dict[str, Any]:
    if cache:
        block["cache_control"] = _CACHE
    return block


def _block(part: Part, losses: Losses) -> dict[str, Any] | None:
    match part:
        case Text():
            return _text(part) if part.text else None
        case Refusal(text=text):
            return {"type": "text", "text": text} if text else None
        case Image():
            return _image(part, losses)
        case File():
            return _document(part, losses)
        case ToolCall():
            use = {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments_of(part, losses)}
            return _cacheable(use, cache=part.cache)
        case ToolResult():
            return _result(part, losses)
        case Thinking(encrypted=encrypted) if encrypted:
            return {"type": "redacted_thinking", "data": encrypted}
        case Thinking(signature=signature) if signature:
            return {"type": "thinking", "thinking": part.text, "signature": signature}
        case Thinking():
            # thoughts without this provider's signature are refused by it
            losses.drop("thinking")
        case Audio():
            losses.drop("audio")
    return None


def _image(image: Image, losses: Losses) -> dict[str, Any]:
    if image.detail:
        losses.drop("image.detail")
    source = (
        {"type": "base64", "media_type": image.media_type, "data": image.data}
        if image.data
        else {"type": "url", "url": image.url}
    )
    return _cacheable({"type": "image", "source": source}, cache=image.cache)


def _document(file: File, losses: Losses) -> dict[str, Any] | None:
    source: dict[str, Any]
    if file.text:
        source = {"type": "text", "media_type": "text/plain", "data": file.text}
    elif file.data:
        inline = split_data_url(file.data)
        media_type, data = inline if inline is not None else (file.media_type or "application/pdf", file.data)
        source = {"type": "base64", "media_type": media_type, "data": data}
    elif file.url:
        source = {"type": "url", "url": file.url}
    elif file.id:
        source = {"type": "file", "file_id": file.id}
    else:
        losses.drop("file")
        return None
    block: dict[str, Any] = {"type": "document", "source": source}
    put(block, title=file.name)
    return _cacheable(block, cache=file.cache)


def _result(result: ToolResult, losses: Losses) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": result.call_id}
    if len(result.parts) == 1 and isinstance(result.parts[0], Text) and not result.parts[0].cache:
        block["content"] = result.parts[0].text
    elif result.parts:
        block["content"] = [inner for part in result.parts if (inner := _block(part, losses)) is not None]
    if result.error:
        block["is_error"] = True
    return _cacheable(block, cache=result.cache)


def _tool(tool: Tool) -> dict[str, Any]:
    written: dict[str, Any] = {"name": tool.name}
    put(written, description=tool.description, strict=tool.strict)
    written["input_schema"] = tool.parameters if tool.parameters is not None else {"type": "object", "properties": {}}
    return _cacheable(written, cache=tool.cache)


def _choice(choice: ToolChoice | None, parallel: bool | None, has_tools: bool) -> dict[str, Any] | None:
    written: dict[str, Any]
    if choice is None:
        if parallel is not False or not has_tools:
            return None
        written = {"type": "auto"}
    elif choice.mode == "named":
        written = {"type": "tool", "name": choice.name}
    else:
        written = {"type": {"required": "any"}.get(choice.mode, choice.mode)}
    if parallel is not None and written["type"] != "none":
        written["disable_parallel_tool_use"] = not parallel
    return written


def _write_format(body: dict[str, Any], conversation: Conversation, losses: Losses) -> None:
    form = conversation.format
    if form is None or form.kind == "text":
        return
    if form.kind == "json" or form.schema is None:
        losses.drop("format.json_object")
        return
    body["output_config"] = {"format": {"type": "json_schema", "schema": form.schema}}


def _write_reasoning(body: dict[str, Any], reasoning: Reasoning | None, losses: Losses) -> None:
    """Thinking has a budget of at least 1,024 tokens, below the limit of output, and allows no other temperature."""
    if reasoning is None:
        return
    if reasoning.effort == "none":
        body["thinking"] = {"type": "disabled"}
        return
    if thoughtless(body["messages"]):
        losses.drop("reasoning")
        return
    budget = reasoning.budget_tokens
    if budget is None:
        budget = BUDGETS.get(reasoning.effort)
        if budget is None:
            losses.drop("reasoning.effort")
            return
    budget = max(1_024, budget)
    body["thinking"] = {"type": "enabled", "budget_tokens": budget}
    if body["max_tokens"] <= budget:
        body["max_tokens"] = budget + body["max_tokens"]
    for name in ("temperature", "top_k"):
        if name in body and body[name] != 1:
            del body[name]
            losses.drop(name)
