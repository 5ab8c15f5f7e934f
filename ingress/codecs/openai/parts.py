"""Thoughts as parts of a content, as Mistral tells them in OpenAI's chat format. Source: Mistral API reference, "Chat
Completion" (ThinkChunk); "Reasoning"."""

from __future__ import annotations

import re
import string
from hashlib import sha256
from typing import Any

from ingress.codecs.signatures import own
from schemas.conversation.parts import Thinking

DIALECT = "openai_chat_parts"
"""Name of the codec."""
_NINE = re.compile(r"[a-zA-Z0-9]{9}")
_LETTERS = string.ascii_letters + string.digits


def written(text: str, signature: str = "") -> dict[str, Any]:
    """One part."""
    part: dict[str, Any] = {"type": "thinking", "thinking": [{"type": "text", "text": text}] if text else []}
    if signature:
        part["signature"] = signature
    return part


def text_of(part: Any) -> str:
    """What a part says of thoughts; empty for every other."""
    if not isinstance(part, dict) or part.get("type") != "thinking" or not isinstance(part.get("thinking"), list):
        return ""
    told = (inner.get("text") for inner in part["thinking"] if isinstance(inner, dict))
    return "".join(text for text in told if isinstance(text, str))


def content_of(thoughts: list[Thinking], text: str | None) -> Any:
    """The content of an answer: a text, or parts where there are thoughts that can be read."""
    told = [written(thought.text, thought.signature) for thought in thoughts if thought.text]
    if not told:
        return text
    return [*told, {"type": "text", "text": text}] if text else told


def nine_letters(message: Any) -> Any:
    """A message whose calls, or whose answer to one, have ids as Mistral takes them: nine letters or digits. Others are
    replaced by what is made of them, always the same; who gave them, does not see it."""
    if not isinstance(message, dict):
        return message
    changed = dict(message)
    if isinstance(ident := message.get("tool_call_id"), str):
        changed["tool_call_id"] = _nine(ident)
    if isinstance(calls := message.get("tool_calls"), list):
        changed["tool_calls"] = [
            {**call, "id": _nine(call["id"])} if isinstance(call, dict) and isinstance(call.get("id"), str) else call
            for call in calls
        ]
    return changed


def _nine(ident: str) -> str:
    if _NINE.fullmatch(ident):
        return ident
    number = int.from_bytes(sha256(ident.encode("utf-8", "surrogatepass")).digest()[:8])
    return "".join(_LETTERS[number // len(_LETTERS) ** place % len(_LETTERS)] for place in range(9))


def moved(message: Any) -> Any:
    """An earlier answer with its thoughts where this dialect has them. The given one is not changed."""
    if not isinstance(message, dict) or message.get("role") != "assistant":
        return message
    thought = message.get("reasoning_content")
    if not isinstance(thought, str) or not thought:
        return message
    content = message.get("content")
    rest = content if isinstance(content, list) else [{"type": "text", "text": content}] if content else []
    return {**message, "content": [written(thought, _signature(message)), *rest]}


def taken_out(message: Any) -> Any:
    """The reverse of `moved`: an earlier answer with its thoughts beside the content, where others look for them."""
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list) or message.get("role") != "assistant":
        return message
    thought = "".join(map(text_of, content))
    if not thought:
        return message
    rest = [part for part in content if not (isinstance(part, dict) and part.get("type") == "thinking")]
    changed = {**message, "content": rest or None, "reasoning_content": thought}
    if len(rest) == 1 and isinstance(rest[0], dict) and isinstance(rest[0].get("text"), str):
        changed["content"] = rest[0]["text"]
    signatures = [part.get("signature") for part in content if text_of(part)]
    if len(signatures) == 1 and isinstance(signatures[0], str):
        detail = {"type": "reasoning.text", "text": thought, "signature": signatures[0]}
        changed["reasoning_details"] = [detail]
    return changed


def _signature(message: dict[str, Any]) -> str:
    """Under the thoughts of an earlier answer, where its caller has kept it."""
    details = message.get("reasoning_details")
    for each in details if isinstance(details, list) else ():
        if isinstance(each, dict) and isinstance(signature := each.get("signature"), str):
            return own(signature, DIALECT)
    return ""
