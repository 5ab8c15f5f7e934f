"""What a message is made of, in no provider's words. Pure."""

from __future__ import annotations

from typing import Any

import msgspec


class Text(msgspec.Struct, frozen=True):
    """Prose."""

    text: str
    cache: bool = False
    """The prompt up to and including this part should be cached by the provider."""


class Image(msgspec.Struct, frozen=True):
    """A picture: by address, or as base64 with its media type."""

    url: str = ""
    data: str = ""
    media_type: str = ""
    detail: str = ""
    """`low`, `high` or `auto` where a provider can be told."""
    cache: bool = False


class Audio(msgspec.Struct, frozen=True):
    """Sound as base64. `format` is a short name such as `wav` or `mp3`."""

    data: str = ""
    format: str = ""
    id: str = ""
    """An earlier answer's sound, by the provider's name for it."""


class File(msgspec.Struct, frozen=True):
    """A document: base64 with its media type, an address, plain text, or an id of the provider's store."""

    data: str = ""
    media_type: str = ""
    url: str = ""
    text: str = ""
    id: str = ""
    name: str = ""
    cache: bool = False


class ToolCall(msgspec.Struct, frozen=True):
    """The model asks for a function to be run."""

    id: str
    name: str
    arguments: str = "{}"
    """JSON text as the model wrote it; it may be broken."""
    signature: str = ""
    """Opaque, base64; some providers want it back in the next turn."""
    cache: bool = False


class ToolResult(msgspec.Struct, frozen=True):
    """What the function gave."""

    call_id: str
    parts: tuple[Text | Image | File, ...] = ()
    error: bool = False
    name: str = ""
    """Of the function, where a protocol names it again."""
    cache: bool = False


class Thinking(msgspec.Struct, frozen=True):
    """Reasoning that the provider showed, or keeps sealed in `encrypted`; to be sent back unchanged."""

    text: str = ""
    signature: str = ""
    encrypted: str = ""
    id: str = ""


class Refusal(msgspec.Struct, frozen=True):
    """The model says that it will not."""

    text: str


Part = Text | Image | Audio | File | ToolCall | ToolResult | Thinking | Refusal


class Message(msgspec.Struct, frozen=True):
    """One turn. `role` is `system`, `developer`, `user`, `assistant` or `tool`; only `tool` holds results."""

    role: str
    parts: tuple[Part, ...] = ()
    name: str = ""


class Tool(msgspec.Struct, frozen=True):
    """A function the model may ask for; `parameters` is a JSON Schema, decoded."""

    name: str
    description: str = ""
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    cache: bool = False


class ToolChoice(msgspec.Struct, frozen=True):
    """`mode` is `auto`, `none`, `required` (some tool), or `named` with the name of one."""

    mode: str
    name: str = ""


class Format(msgspec.Struct, frozen=True):
    """The form of the answer: `text`, `json` (any object) or `schema` with a JSON Schema, decoded."""

    kind: str = "text"
    name: str = ""
    schema: dict[str, Any] | None = None
    description: str = ""
    strict: bool | None = None


class Reasoning(msgspec.Struct, frozen=True):
    """How much to think: in words (`none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`) or in tokens."""

    effort: str = ""
    budget_tokens: int | None = None
    summary: str = ""
    """`auto`, `concise`, `detailed`: whether the thoughts are shown; `none` to hide them."""


class Safety(msgspec.Struct, frozen=True):
    """A threshold of the provider's own content filter, in its own words."""

    category: str
    threshold: str
