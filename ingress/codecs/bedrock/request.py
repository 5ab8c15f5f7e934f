"""Writes requests of Converse and ConverseStream. Source: Amazon Bedrock API reference, "Converse"."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ingress.codecs.anthropic.request_write import BUDGETS, DEFAULT_MAX_TOKENS
from ingress.codecs.bedrock.media import document_of, image_of
from ingress.codecs.codec import Encoded
from ingress.codecs.fields import put
from ingress.codecs.losses import Losses, arguments_of, parts_of
from ingress.codecs.signatures import only_own
from ingress.codecs.turns import add_turn, addressed, cooled
from schemas.conversation.ask import Conversation
from schemas.conversation.parts import (
    Audio,
    File,
    Image,
    Part,
    Refusal,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

NAME = "bedrock"

_encode = msgspec.json.Encoder().encode
_CACHE_POINT = {"cachePoint": {"type": "default"}}
_TIERS = ("default", "priority", "flex", "reserved")
_UNSAYABLE = (
    "parallel_tool_calls", "frequency_penalty", "presence_penalty", "seed", "n", "logprobs", "top_logprobs", "user",
    "safety", "other",
)  # fmt: skip
_METADATA = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}")


def write_request(conversation: Conversation) -> Encoded:
    """`model` and `stream` stay in the body until the path is made of them."""
    losses = Losses()
    conversation = only_own(addressed(conversation, losses), NAME)
    losses.unless_unsaid(conversation, *_UNSAYABLE)
    system: list[dict[str, Any]] = []
    turns: list[dict[str, Any]] = []
    for message in conversation.messages:
        if message.role in ("system", "developer") and not turns:
            for part in message.parts:
                system += _blocks(part, losses) if isinstance(part, Text) else []
            continue
        blocks = [block for part in message.parts for block in _blocks(part, losses)]
        add_turn(turns, message, blocks, losses)
    body: dict[str, Any] = {"model": conversation.model, "messages": turns}
    if conversation.stream:
        body["stream"] = True
    inference: dict[str, Any] = {}
    put(
        inference,
        maxTokens=conversation.max_output,
        temperature=cooled(conversation, losses),
        topP=conversation.top_p,
        stopSequences=list(conversation.stop),
    )
    put(body, system=system, toolConfig=_tools(conversation, losses))
    extra = _model_fields(conversation, inference, losses)
    put(
        body,
        inferenceConfig=inference,
        additionalModelRequestFields=extra,
        outputConfig=_format(conversation, losses),
        requestMetadata=_metadata(conversation.metadata, losses),
    )
    if conversation.service_tier in _TIERS:
        body["serviceTier"] = {"type": conversation.service_tier}
    elif conversation.service_tier not in ("", "auto"):
        losses.drop("service_tier")
    return Encoded(body, losses.names())


def _blocks(part: Part, losses: Losses) -> list[dict[str, Any]]:
    """A part, and the mark after it where the prompt up to here is to be cached."""
    block = _block(part, losses)
    if block is None:
        return []
    marked = isinstance(part, (Text, Image, File, ToolCall, ToolResult)) and part.cache
    return [block, _CACHE_POINT] if marked else [block]


def _block(part: Part, losses: Losses) -> dict[str, Any] | None:
    match part:
        case Text(text=text) | Refusal(text=text):
            if text and not text.strip():
                # a block without a word in it is refused here
                losses.drop("text.blank")
            return {"text": text} if text.strip() else None
        case Image():
            return image_of(part, losses)
        case File():
            return document_of(part, losses)
        case ToolCall():
            use = {"toolUseId": part.id, "name": part.name, "input": arguments_of(part, losses)}
            return {"toolUse": use}
        case ToolResult():
            return _result(part, losses)
        case Thinking(encrypted=encrypted) if encrypted:
            return {"reasoningContent": {"redactedContent": encrypted}}
        case Thinking(signature=signature) if signature:
            return {"reasoningContent": {"reasoningText": {"text": part.text, "signature": signature}}}
        case Thinking():
            # thoughts without this provider's signature are refused by it
            losses.drop("thinking")
        case Audio():
            losses.drop("audio")
    return None


def _result(result: ToolResult, losses: Losses) -> dict[str, Any]:
    content = []
    for part in result.parts:
        # here a text may be empty: that a function gave nothing is a result
        block = {"text": part.text} if isinstance(part, Text) else _block(part, losses)
        if block is not None:
            content.append(block)
    written: dict[str, Any] = {"toolUseId": result.call_id, "content": content}
    if result.error:
        written["status"] = "error"
    return {"toolResult": written}


def _tools(conversation: Conversation, losses: Losses) -> dict[str, Any] | None:
    """The tools; there is no word for "none of them", so that they are left out where the history allows it."""
    choice = conversation.tool_choice
    if not conversation.tools:
        return None
    if choice is not None and choice.mode == "none":
        if not any(isinstance(part, (ToolCall, ToolResult)) for part in parts_of(conversation)):
            return None
        losses.drop("tool_choice")
        choice = None
    tools: list[dict[str, Any]] = []
    for tool in conversation.tools:
        tools.append({"toolSpec": _tool(tool)})
        if tool.cache:
            tools.append(_CACHE_POINT)
    config: dict[str, Any] = {"tools": tools}
    if choice is not None:
        config["toolChoice"] = _choice(choice)
    return config


def _tool(tool: Tool) -> dict[str, Any]:
    spec: dict[str, Any] = {"name": tool.name}
    put(spec, description=tool.description, strict=tool.strict)
    schema = tool.parameters if tool.parameters is not None else {"type": "object", "properties": {}}
    return {**spec, "inputSchema": {"json": schema}}


def _choice(choice: ToolChoice) -> dict[str, Any]:
    if choice.mode == "named":
        return {"tool": {"name": choice.name}}
    return {"any" if choice.mode == "required" else "auto": {}}


def _format(conversation: Conversation, losses: Losses) -> dict[str, Any] | None:
    """The schema travels as a string here."""
    form = conversation.format
    if form is None or form.kind == "text":
        return None
    if form.kind == "json" or form.schema is None:
        losses.drop("format.json_object")
        return None
    schema: dict[str, Any] = {"schema": _encode(form.schema).decode()}
    put(schema, name=form.name, description=form.description)
    if form.strict is False:
        losses.drop("format.strict")
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}


def _metadata(metadata: dict[str, str] | None, losses: Losses) -> dict[str, str]:
    """At most 16 pairs, in letters that the provider's logs take."""
    kept = {
        name: value
        for name, value in (metadata or {}).items()
        if name and _METADATA.fullmatch(name) and _METADATA.fullmatch(value)
    }
    kept = dict(list(kept.items())[:16])
    if len(kept) < len(metadata or {}):
        losses.drop("metadata")
    return kept


def _model_fields(conversation: Conversation, inference: dict[str, Any], losses: Losses) -> dict[str, Any]:
    """What each family of models has its own words for: how much to think, and `top_k`."""
    extra: dict[str, Any] = {}
    model, reasoning = conversation.model, conversation.reasoning
    claude, nova = "claude" in model, "nova" in model
    if reasoning is not None:
        if claude:
            _think(extra, inference, conversation, losses)
        elif reasoning.budget_tokens is None and reasoning.effort and ("gpt-oss" in model or "nova-2" in model):
            if "gpt-oss" in model:
                extra["reasoning_effort"] = reasoning.effort
            elif reasoning.effort == "none":
                extra["reasoningConfig"] = {"type": "disabled"}
            else:
                effort = {"minimal": "low", "xhigh": "high", "max": "high"}.get(reasoning.effort, reasoning.effort)
                extra["reasoningConfig"] = {"type": "enabled", "maxReasoningEffort": effort}
        else:
            losses.drop("reasoning")
    if conversation.top_k is not None:
        if claude and extra.get("thinking", {}).get("type") != "enabled":
            extra["top_k"] = conversation.top_k
        elif nova:
            extra["inferenceConfig"] = {"topK": conversation.top_k}
        else:
            losses.drop("top_k")
    return extra


def _think(extra: dict[str, Any], inference: dict[str, Any], conversation: Conversation, losses: Losses) -> None:
    """As in the provider's own API: at least 1,024 tokens, below the limit of output, at no other temperature."""
    reasoning = conversation.reasoning
    if reasoning is None:
        return
    if reasoning.effort == "none" or reasoning.budget_tokens == 0:
        extra["thinking"] = {"type": "disabled"}
        return
    budget = reasoning.budget_tokens
    if budget is None:
        budget = BUDGETS.get(reasoning.effort)
        if budget is None:
            if reasoning.effort:
                losses.drop("reasoning.effort")
            return
    budget = max(1_024, budget)
    extra["thinking"] = {"type": "enabled", "budget_tokens": budget}
    limit = inference.get("maxTokens", DEFAULT_MAX_TOKENS)
    inference["maxTokens"] = limit if limit > budget else budget + limit
    if inference.pop("temperature", 1) != 1:
        losses.drop("temperature")
