"""What is asked of a model, in no provider's words. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.conversation.parts import Format, Message, Reasoning, Safety, Tool, ToolChoice


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """A request for one answer (or `n` of them). None and empty mean: the caller did not say."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    format: Format | None = None
    reasoning: Reasoning | None = None
    max_output: int | None = None
    """Tokens, reasoning included."""
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    stream: bool = False
    user: str = ""
    metadata: dict[str, str] | None = None
    service_tier: str = ""
    safety: tuple[Safety, ...] = ()
    origin: str = ""
    """The protocol whose names `other` uses."""
    other: dict[str, Any] = {}
    """What only the caller's protocol has a word for, under that protocol's names."""


class Embed(msgspec.Struct, frozen=True, kw_only=True):
    """Texts to be made vectors of."""

    model: str
    texts: tuple[str, ...] = ()
    tokens: tuple[tuple[int, ...], ...] = ()
    """Instead of texts, where a caller has cut them itself."""
    dimensions: int | None = None
    base64: bool = False
    """Vectors as base64 of little-endian floats instead of numbers."""
    purpose: str = ""
    """`query`, `document`, `similarity`, `classification`, `clustering`, or empty."""
    user: str = ""
    title: str = ""
    truncate: bool | None = None
    other: dict[str, Any] = {}
    many: bool = False
    """Whether the caller gave a list, where an answer for one has another form."""
    origin: str = ""
    """The protocol whose names `other` uses."""


class Rerank(msgspec.Struct, frozen=True, kw_only=True):
    """Documents to be put in order of what they have to do with a query."""

    model: str
    query: str
    documents: tuple[str, ...]
    top_n: int | None = None
    return_documents: bool | None = None
    truncate: bool | None = None
    other: dict[str, Any] = {}
    origin: str = ""
    """The protocol whose names `other` uses."""


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation whose tokens are to be counted, without an answer."""

    model: str
    conversation: Conversation


class Moderate(msgspec.Struct, frozen=True, kw_only=True):
    """Texts and pictures to be judged by a provider's own classifier."""

    model: str
    texts: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    """Addresses or data URLs."""
    many: bool = False
    """Whether the caller gave a list, so that there is a result for each."""
    other: dict[str, Any] = {}
    origin: str = ""
    """The protocol whose names `other` uses."""
