"""Signatures under calls of tools, for which this API has no field: they go to the caller and come back with the call.

Gemini's models want the signature under a call back in the next turn. A block of sealed thoughts in front of the call
holds it: callers of this API have to send such blocks back as they came, and show them to nobody. What comes back in
another place than before a call is no signature any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from ingress.codecs.signatures import kept, own
from schemas.conversation.parts import Part, Thinking, ToolCall

MARK = "nexus-call-signature:"
"""Before the signature; no provider's own sealed thoughts have a colon."""


def sealed(signature: str) -> dict[str, Any]:
    """The block that stands before the call."""
    return {"type": "redacted_thinking", "data": MARK + signature}


def put_back(parts: Iterable[Part]) -> list[Part]:
    """A turn's parts with each signature under its call again."""
    found: list[Part] = []
    signature = ""
    for part in parts:
        if isinstance(part, Thinking) and part.encrypted.startswith(MARK):
            signature = part.encrypted.removeprefix(MARK)
            continue
        if signature and isinstance(part, ToolCall):
            part = replace(part, signature=signature)
        signature = ""
        found.append(part)
    return found


def carried_on(messages: Any) -> Any:
    """Messages of a caller for a provider of this protocol, without thoughts that another kind of provider had while
    the conversation was there: what this one has not signed, it refuses. The same list where there are none."""
    return kept(messages, _turn)


def thoughtless(messages: Any) -> bool:
    """Whether calls whose results are told now were made without a thought before them, which this API refuses where it
    is to think: they were made elsewhere."""
    if not isinstance(messages, list) or len(messages) < 2:
        return False
    called, told = (_blocks(message) for message in messages[-2:])
    return (
        any(block.get("type") == "tool_result" for block in told)
        and any(block.get("type") == "tool_use" for block in called)
        and called[0].get("type") not in ("thinking", "redacted_thinking")
    )


def _blocks(message: Any) -> list[dict[str, Any]]:
    content = message.get("content") if isinstance(message, dict) else None
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def _turn(message: Any) -> Any:
    if not isinstance(message, dict) or message.get("role") != "assistant":
        return message
    content = kept(message.get("content"), _block)
    return message if content is message.get("content") else {**message, "content": content}


def _block(block: Any) -> Any:
    kind = block.get("type") if isinstance(block, dict) else ""
    if kind == "thinking" and isinstance(signature := block.get("signature"), str):
        its = own(signature, "anthropic")
        return block if its == signature and its else {**block, "signature": its} if its else None
    if kind == "redacted_thinking" and isinstance(data := block.get("data"), str) and data.startswith(MARK):
        return None
    return block
