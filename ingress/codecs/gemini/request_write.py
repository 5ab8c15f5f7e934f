"""Writes requests of generateContent. Source: Gemini API reference, "Generating content", "Thought signatures"."""

from __future__ import annotations

from typing import Any

from ingress.codecs.codec import Encoded
from ingress.codecs.fields import put
from ingress.codecs.gemini.request_read import NAME
from ingress.codecs.losses import Losses, arguments_of, parts_of, say_own
from ingress.codecs.media import MEDIA_TYPES
from ingress.codecs.signatures import only_own
from ingress.codecs.turns import addressed
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
    ToolCall,
    ToolChoice,
    ToolResult,
)

BUDGETS = {"none": 0, "minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576, "xhigh": 32_768, "max": 32_768}
"""Tokens of thought for a word of effort, as this provider's OpenAI compatibility layer documents them."""
UNSIGNED = "skip_thought_signature_validator"
"""Stands for the signature of a call that another provider's model made; documented for histories brought along."""


def write_request(conversation: Conversation) -> Encoded:
    """`model` and `stream` stay in the body until the path is made of them."""
    losses = Losses()
    conversation = only_own(addressed(conversation, losses), NAME)
    losses.unless_unsaid(conversation, "user", "service_tier")
    if conversation.parallel_tool_calls is False:
        losses.drop("parallel_tool_calls")
    names = {part.id: part.name for part in parts_of(conversation) if isinstance(part, ToolCall)}
    system: list[dict[str, Any]] = []
    contents: list[dict[str, Any]] = []
    for message in conversation.messages:
        if message.role in ("system", "developer") and not contents:
            system += [{"text": part.text} for part in message.parts if isinstance(part, Text)]
        else:
            _add(contents, message, names, losses, signed="gemini-3" in conversation.model)
    body: dict[str, Any] = {"model": conversation.model, "contents": contents}
    if conversation.stream:
        body["stream"] = True
    put(
        body,
        systemInstruction={"parts": system} if system else None,
        tools=_tools(conversation, losses),
        toolConfig=_choice(conversation.tool_choice),
        generationConfig=_config(conversation, losses),
        safetySettings=[{"category": each.category, "threshold": each.threshold} for each in conversation.safety],
        labels=conversation.metadata,
    )
    say_own(body, conversation, NAME, losses)
    return Encoded(body, losses.names())


def _add(
    contents: list[dict[str, Any]], message: Message, names: dict[str, str], losses: Losses, *, signed: bool
) -> None:
    """Adds a turn; turns of one role are one here."""
    role = "model" if message.role == "assistant" else "user"
    if message.role in ("system", "developer"):
        losses.drop("messages.system_position")
    if message.name:
        losses.drop("messages.name")
    parts = []
    for part in message.parts:
        written = _part(part, names, losses, signed=signed)
        if written is not None:
            parts.append(written)
    if not parts:
        return
    if contents and contents[-1]["role"] == role:
        contents[-1]["parts"] += parts
    else:
        contents.append({"role": role, "parts": parts})


def _part(part: Part, names: dict[str, str], losses: Losses, *, signed: bool) -> dict[str, Any] | None:
    if isinstance(part, (Text, Image, File, ToolCall, ToolResult)) and part.cache:
        losses.drop("cache_control")
    match part:
        case Text(text=text) | Refusal(text=text):
            return {"text": text} if text else None
        case Image():
            if part.detail:
                losses.drop("image.detail")
            return _media(part.data, part.media_type, part.url)
        case Audio():
            if part.data:
                return _media(part.data, MEDIA_TYPES.get(part.format, "audio/wav"), "")
            losses.drop("audio")
        case File(text=text) if text:
            return {"text": text}
        case File():
            if part.data or part.url:
                return _media(part.data, part.media_type or "application/pdf", part.url)
            losses.drop("file.id")
        case ToolCall():
            return _call(part, losses, signed=signed)
        case ToolResult():
            return _result(part, names, losses)
        case Thinking(text=text, signature=signature) if signature and not text:
            return {"text": "", "thoughtSignature": signature}
        case Thinking(text=text, signature=signature) if signature:
            return {"text": text, "thought": True, "thoughtSignature": signature}
        case Thinking():
            losses.drop("thinking")
    return None


def _media(data: str, media_type: str, url: str) -> dict[str, Any]:
    if data:
        return {"inlineData": {"mimeType": media_type, "data": data}}
    file = {"fileUri": url}
    put(file, mimeType=media_type)
    return {"fileData": file}


def _call(call: ToolCall, losses: Losses, *, signed: bool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": call.name, "args": arguments_of(call, losses)}
    put(function, id=call.id)
    part: dict[str, Any] = {"functionCall": function}
    if call.signature or signed:
        part["thoughtSignature"] = call.signature or UNSIGNED
    return part


def _result(result: ToolResult, names: dict[str, str], losses: Losses) -> dict[str, Any]:
    texts = []
    for part in result.parts:
        if isinstance(part, Text):
            texts.append(part.text)
        else:
            losses.drop("tool_result." + type(part).__name__.lower())
    response: dict[str, Any] = {
        "id": result.call_id,
        "name": result.name or names.get(result.call_id) or result.call_id,
    }
    return {"functionResponse": {**response, "response": {"error" if result.error else "result": "".join(texts)}}}


def _tools(conversation: Conversation, losses: Losses) -> list[dict[str, Any]]:
    declared = []
    for tool in conversation.tools:
        function: dict[str, Any] = {"name": tool.name}
        put(function, description=tool.description)
        if tool.parameters is not None:
            function["parametersJsonSchema"] = tool.parameters
        if tool.strict:
            losses.drop("tools.strict")
        if tool.cache:
            losses.drop("cache_control")
        declared.append(function)
    return [{"functionDeclarations": declared}] if declared else []


def _choice(choice: ToolChoice | None) -> dict[str, Any] | None:
    if choice is None:
        return None
    mode = {"auto": "AUTO", "none": "NONE"}.get(choice.mode, "ANY")
    calling: dict[str, Any] = {"mode": mode}
    if choice.mode == "named":
        calling["allowedFunctionNames"] = [choice.name]
    return {"functionCallingConfig": calling}


def _config(conversation: Conversation, losses: Losses) -> dict[str, Any]:
    config: dict[str, Any] = {}
    put(
        config,
        maxOutputTokens=conversation.max_output,
        temperature=conversation.temperature,
        topP=conversation.top_p,
        topK=conversation.top_k,
        frequencyPenalty=conversation.frequency_penalty,
        presencePenalty=conversation.presence_penalty,
        seed=conversation.seed,
        stopSequences=list(conversation.stop),
        candidateCount=conversation.n,
        responseLogprobs=conversation.logprobs,
        logprobs=conversation.top_logprobs,
        thinkingConfig=_thinking(conversation.reasoning, conversation.model),
    )
    _write_format(config, conversation.format, losses)
    return config


def _thinking(reasoning: Reasoning | None, model: str) -> dict[str, Any] | None:
    """A level for the third generation of models, a budget for those before."""
    if reasoning is None:
        return None
    config: dict[str, Any] = {}
    if reasoning.budget_tokens is not None:
        config["thinkingBudget"] = reasoning.budget_tokens
    elif reasoning.effort and "gemini-3" in model:
        config["thinkingLevel"] = {"none": "minimal", "xhigh": "high", "max": "high"}.get(
            reasoning.effort, reasoning.effort
        )
    elif reasoning.effort:
        config["thinkingBudget"] = BUDGETS.get(reasoning.effort, -1)
    if reasoning.summary:
        config["includeThoughts"] = reasoning.summary != "none"
    return config


def _write_format(config: dict[str, Any], form: Format | None, losses: Losses) -> None:
    if form is None or form.kind == "text":
        return
    config["responseMimeType"] = "application/json"
    if form.schema is not None:
        config["responseJsonSchema"] = form.schema
    if form.strict is False:
        losses.drop("format.strict")
