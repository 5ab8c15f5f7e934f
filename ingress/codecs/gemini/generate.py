"""The Gemini API's generateContent as one codec."""

from __future__ import annotations

from typing import Any

from ingress.codecs.codec import Encoded, ErrorTold, EventReader, EventWriter
from ingress.codecs.gemini.answer import read_answer, read_error, write_answer, write_error
from ingress.codecs.gemini.request_read import NAME, read_request
from ingress.codecs.gemini.request_write import write_request
from ingress.codecs.gemini.stream import GenerateReader, GenerateWriter
from schemas.conversation.answer import Answer
from schemas.conversation.ask import Conversation
from schemas.errors import NexusError


class GeminiGenerate:
    """See `ingress.codecs.codec.ChatCodec`. `model` and `stream` travel in the body until the path is made of them."""

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
        return GenerateReader()

    def writer(self, *, include_usage: bool) -> EventWriter:
        """Usage is always told here."""
        return GenerateWriter()

    def read_error(self, body: bytes) -> ErrorTold:
        return read_error(body)

    def write_error(self, error: NexusError) -> bytes:
        return write_error(error)
