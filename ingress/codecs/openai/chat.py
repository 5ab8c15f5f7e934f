"""OpenAI's chat completions as one codec."""

from __future__ import annotations

from typing import Any

from ingress.codecs.codec import Encoded, ErrorTold, EventReader, EventWriter
from ingress.codecs.openai.chat_answer import read_answer, read_error, write_answer, write_error
from ingress.codecs.openai.chat_request_read import NAME, read_request
from ingress.codecs.openai.chat_request_write import write_request
from ingress.codecs.openai.chat_stream import ChatReader, ChatWriter
from ingress.codecs.openai.parts import DIALECT
from schemas.conversation.answer import Answer
from schemas.conversation.ask import Conversation
from schemas.errors import NexusError


class OpenAIChat:
    """See `ingress.codecs.codec.ChatCodec`."""

    def __init__(self, *, thinking: bool = False, parts: bool = False) -> None:
        """
        Args:
            thinking: whether providers take earlier reasoning back.
            parts: whether thoughts stand among the parts of a content, as Mistral and its client have them.
        """
        self._thinking = thinking
        self.parts = parts
        self.name = DIALECT if parts else NAME

    def read_request(self, body: dict[str, Any]) -> Conversation:
        return read_request(body)

    def write_request(self, conversation: Conversation) -> Encoded:
        return write_request(conversation, thinking=self._thinking)

    def read_answer(self, raw: bytes) -> Answer:
        return read_answer(raw)

    def write_answer(self, answer: Answer) -> dict[str, Any]:
        return write_answer(answer, parts=self.parts)

    def reader(self) -> EventReader:
        return ChatReader()

    def writer(self, *, include_usage: bool) -> EventWriter:
        return ChatWriter(include_usage=include_usage, parts=self.parts)

    def read_error(self, body: bytes) -> ErrorTold:
        return read_error(body)

    def write_error(self, error: NexusError) -> bytes:
        return write_error(error)
