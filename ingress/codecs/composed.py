"""Codecs that are nothing but the functions of their format put together. No format is written here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ingress.codecs.codec import Encoded, ErrorTold, EventReader, EventWriter
from schemas.conversation.answer import Answer
from schemas.conversation.ask import Conversation
from schemas.errors import NexusError


@dataclass(frozen=True, slots=True)
class ProviderFormat:
    """A `ProviderCodec`."""

    name: str
    write_request: Callable[[Conversation], Encoded]
    read_answer: Callable[[bytes], Answer]
    reader: Callable[[], EventReader]
    read_error: Callable[[bytes], ErrorTold]


@dataclass(frozen=True, slots=True)
class ChatFormat(ProviderFormat):
    """A `ChatCodec` of a format that always tells the usage in its streams."""

    read_request: Callable[[dict[str, Any]], Conversation]
    write_answer: Callable[[Answer], dict[str, Any]]
    new_writer: Callable[[], EventWriter]
    write_error: Callable[[NexusError], bytes]

    def writer(self, *, include_usage: bool) -> EventWriter:
        return self.new_writer()
