"""Whose signature stands under a thought: providers refuse each other's. No wire format lives here.

What is signed goes to callers of other protocols with a mark in front that says by whom; back at a provider of that
kind the mark is taken off, at every other the signature is left out. So a conversation can be carried on elsewhere, as
failover does. The marks are of base64's letters, eight of them: what they stand before can still be decoded.
"""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.conversation.answer import Answer, Signed
from schemas.conversation.ask import Conversation
from schemas.conversation.parts import Part, Thinking

_CLAUDE = "NexusCl0"
_MARKS = {"anthropic": _CLAUDE, "bedrock": _CLAUDE, "gemini": "NexusGe0", "openai_chat_parts": "NexusMi0"}
"""By the name of a codec. Anthropic's hold on every platform (Anthropic documentation, "Extended thinking")."""
_LENGTH = len(_CLAUDE)
_ALL = frozenset(_MARKS.values())


def marked(signature: str, protocol: str) -> str:
    """A provider's signature, for callers of another protocol."""
    return _MARKS.get(protocol, "") + signature if signature else ""


def own(signature: str, protocol: str, origin: str = "") -> str:
    """A signature as a provider of this protocol wrote it; empty where another's did.

    Args:
        origin: name of the protocol it came back in: one without a mark is by a provider of that one, if it has any.
    """
    mark = _MARKS.get(protocol, "")
    found = signature[:_LENGTH]
    if found in _ALL:
        return signature[_LENGTH:] if found == mark else ""
    return signature if origin not in _MARKS or _MARKS[origin] == mark else ""


def with_marks(answer: Answer, protocol: str) -> Answer:
    """An answer for a caller of another protocol."""
    if not any(isinstance(part, Thinking) and part.signature for choice in answer.choices for part in choice.parts):
        return answer
    choices = tuple(
        msgspec.structs.replace(choice, parts=tuple(_marked(part, protocol) for part in choice.parts))
        for choice in answer.choices
    )
    return msgspec.structs.replace(answer, choices=choices)


def _marked(part: Part, protocol: str) -> Part:
    if isinstance(part, Thinking) and part.signature:
        return msgspec.structs.replace(part, signature=marked(part.signature, protocol))
    return part


class Marking:
    """The same for the events of one stream. A signature may come in pieces: the first one has the mark."""

    __slots__ = ("_protocol", "_seen")

    def __init__(self, protocol: str) -> None:
        self._protocol = protocol
        self._seen: set[tuple[int, int]] = set()

    def event(self, event: Signed) -> Signed:
        if (event.choice, event.part) in self._seen:
            return event
        self._seen.add((event.choice, event.part))
        return Signed(event.choice, event.part, marked(event.signature, self._protocol))


def only_own(conversation: Conversation, protocol: str) -> Conversation:
    """A conversation for a provider of this protocol: no other's signatures under its thoughts."""
    if not any(_differs(part, protocol, conversation.origin) for each in conversation.messages for part in each.parts):
        return conversation
    messages = tuple(
        msgspec.structs.replace(
            message, parts=tuple(_own_part(part, protocol, conversation.origin) for part in message.parts)
        )
        for message in conversation.messages
    )
    return msgspec.structs.replace(conversation, messages=messages)


def _differs(part: Part, protocol: str, origin: str) -> bool:
    return isinstance(part, Thinking) and part.signature != own(part.signature, protocol, origin)


def _own_part(part: Part, protocol: str, origin: str) -> Part:
    if not isinstance(part, Thinking):
        return part
    return msgspec.structs.replace(part, signature=own(part.signature, protocol, origin))


def kept(blocks: Any, keep: Any) -> Any:
    """A list with what `keep` makes of each of its members, without those of which nothing is left; the same one where
    nothing changes."""
    if not isinstance(blocks, list):
        return blocks
    found = [keep(block) for block in blocks]
    if all(new is old for new, old in zip(found, blocks, strict=True)):
        return blocks
    return [each for each in found if each is not None]
