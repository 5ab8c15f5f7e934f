"""OpenAI's Responses API as one codec."""

from __future__ import annotations

from typing import Any

from ingress.codecs.codec import Encoded, ErrorTold, EventReader, EventWriter
from ingress.codecs.openai.chat_answer import read_error, write_error
from ingress.codecs.openai.responses_answer import read_answer, write_answer
from ingress.codecs.openai.responses_request import NAME, read_request, write_request
from ingress.codecs.openai.responses_stream import ResponseReader, ResponseWriter
from schemas.conversation.answer import Answer
from schemas.conversation.ask import Conversation
from schemas.errors import NexusError


class OpenAIResponses:
    """See `ingress.codecs.codec.ChatCodec`."""

    name = NAME

    def read_request(self, body: dict[str, Any]) -> Conversation:
        return read_request(body)

    def write_request(self, conversation: Conversation) -> Encoded:
        return write_request(conversation)

    def read_answer(self, raw: bytes) -> Answer:
        return read_answer(raw)

    def write_answer(self, answer: Answer) -> dict[str, Any]:
        return write_answer(answer)

    def reader(self) -> EventReader:
        return ResponseReader()

    def writer(self, *, include_usage: bool) -> EventWriter:
        """Usage is always told here."""
        return ResponseWriter()

    def read_error(self, body: bytes) -> ErrorTold:
        return read_error(body)

    def write_error(self, error: NexusError) -> bytes:
        return write_error(error)
