"""How many tokens a request is to a model of OpenAI's: its texts counted, the format around them by published rules.

Source: OpenAI's cookbook, "How to count tokens with tiktoken" (tokens of a message, of a name, of tools).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ingress.tokenizing.encodings import CUT, Encoder, count
from schemas.conversation.ask import Conversation
from schemas.conversation.parts import Message, Text, Thinking, Tool, ToolCall, ToolResult
from schemas.tokens import measure, probable_tokens

MESSAGE, NAME, REPLY = 3, 1, 3
"""Tokens around each message, of having a name, and that begin the answer."""
PUBLISHED = ("gpt-3.5", "gpt-35", "gpt-4-", "gpt-4o")
"""Beginnings of the models that the rules for messages are published for; `gpt-4` alone is one, too."""
FUNCTION = {"o200k": 7, "cl100k": 10}
PROPERTIES, PROPERTY, ENUM, ENUM_VALUE, TOOLS = 3, 3, -3, 3, 12
CALL = 6
"""Tokens around a call of a tool; not published."""

ERROR_OF_TOOLS = 0.1
"""Of what tools come to, where every property is plain; schemas inside of schemas are not in the published rules."""
ERROR_OF_SCHEMAS = 0.3
ERROR_OF_REST = 0.25
"""Of what was not counted but estimated."""


class Counted(msgspec.Struct, frozen=True):
    """The tokens of a prompt."""

    tokens: int
    off: float = 0.0
    """Tokens that there may be more or fewer, from all that is not certain; 0 when the count is exact."""

    @property
    def error(self) -> float:
        """As a part of the tokens."""
        return self.off / max(1, self.tokens)


class _Said(msgspec.Struct):
    """What a conversation is, before anything is counted."""

    texts: list[str] = []
    plain: int = 0
    """Tokens of the format that are certain."""
    off: float = 0.0


async def count_texts(encoder: Encoder, family: str, texts: list[str], beside: int = 0) -> Counted:
    """Texts alone: what is embedded, completed, ranked.

    Args:
        beside: tokens that the caller has cut itself.
    """
    found = await count(encoder, texts)
    rest = probable_tokens(measure([found.rest]), family, 0) if found.rest else 0
    return Counted(found.tokens + rest + beside, CUT * found.cuts + ERROR_OF_REST * rest)


async def count_conversation(encoder: Encoder, family: str, upstream: str, asked: Conversation) -> Counted:
    """A conversation as a model of OpenAI's reads it.

    Pictures, sound and files are not counted, and `off` does not know of them.

    Args:
        upstream: the provider's name of the model.
    """
    said = _Said(plain=REPLY)
    turns = 0
    for message in asked.messages:
        turns += _message(message, said)
    if not _published(upstream):
        said.off += turns + 4
    total = await count_texts(encoder, family, said.texts)
    tokens, off = total.tokens + said.plain, total.off + said.off
    if asked.tools:
        tools = await _tools(encoder, family, asked.tools)
        tokens, off = tokens + tools.tokens, off + tools.off
    if asked.format is not None and asked.format.schema:
        schema = await count_texts(encoder, family, [msgspec.json.encode(asked.format.schema).decode()])
        tokens, off = tokens + schema.tokens, off + schema.off + ERROR_OF_SCHEMAS * schema.tokens
    return Counted(tokens, off)


def _published(upstream: str) -> bool:
    name = upstream.lower().rpartition("/")[2].removeprefix("ft:")
    return name == "gpt-4" or name.startswith(PUBLISHED)


def _message(message: Message, said: _Said) -> int:
    """Adds what a message says; returns how many OpenAI makes of it: a result of a tool is a message of its own."""
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    others = [part for part in message.parts if not isinstance(part, ToolResult)]
    turns = len(results) + bool(others or not results)
    # the role is a token itself
    said.plain += (MESSAGE + 1) * turns
    if message.name:
        said.plain += NAME
        said.texts.append(message.name)
    said.texts.append("".join(part.text for part in others if isinstance(part, Text)))
    for part in others:
        if isinstance(part, ToolCall):
            said.texts += [part.name, part.arguments]
            said.plain += CALL
            said.off += CALL
        elif isinstance(part, Thinking):
            # most models forget what they thought; whether it is read again is not known
            said.off += len(part.text) / 4
    for result in results:
        said.texts.append("".join(part.text for part in result.parts if isinstance(part, Text)))
        said.off += CALL
    return turns


async def _tools(encoder: Encoder, family: str, tools: tuple[Tool, ...]) -> Counted:
    said = _Said(plain=TOOLS)
    deep = False
    for tool in tools:
        said.plain += FUNCTION[family]
        said.texts.append(f"{tool.name}:{tool.description.removesuffix('.')}")
        deep |= _properties(tool.parameters or {}, said, 0)
    total = await count_texts(encoder, family, said.texts)
    tokens = total.tokens + said.plain
    return Counted(tokens, total.off + (ERROR_OF_SCHEMAS if deep else ERROR_OF_TOOLS) * tokens)


def _properties(schema: dict[str, Any], said: _Said, depth: int) -> bool:
    """Adds the properties of a schema, and of the schemas in it; tells whether there are such."""
    found = list(_named(schema))
    if not found or depth > 16:
        return depth > 16
    said.plain += PROPERTIES
    deep = False
    for name, inner in found:
        said.plain += PROPERTY
        values = inner.get("enum")
        if isinstance(values, list):
            said.plain += ENUM + ENUM_VALUE * len(values)
            said.texts += [str(each) for each in values]
        description = str(inner.get("description", "")).removesuffix(".")
        said.texts.append(f"{name}:{inner.get('type', '')}:{description}")
        below = inner.get("items") if isinstance(inner.get("items"), dict) else inner
        if isinstance(below, dict) and isinstance(below.get("properties"), dict):
            deep = True
            _properties(below, said, depth + 1)
        deep = deep or any(word in inner for word in ("anyOf", "oneOf", "allOf", "$ref"))
    return deep


def _named(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    given = schema.get("properties")
    for name, inner in given.items() if isinstance(given, dict) else ():
        if isinstance(inner, dict):
            yield name, inner
