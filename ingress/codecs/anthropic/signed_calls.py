"""Signatures under calls of tools, for which this API has no field: they go to the caller and come back with the call.

Gemini's models want the signature under a call back in the next turn. A block of sealed thoughts in front of the call
holds it: callers of this API have to send such blocks back as they came, and show them to nobody. What comes back in
another place than before a call is no signature any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

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
