"""Cohere's chat, version 2, as one codec, for the side of providers."""

from __future__ import annotations

from ingress.codecs.codec import Encoded, ErrorTold, EventReader
from ingress.codecs.cohere.answer import read_answer, read_error
from ingress.codecs.cohere.request import NAME, write_request
from ingress.codecs.cohere.stream import CohereReader
from schemas.conversation.answer import Answer
from schemas.conversation.ask import Conversation


class CohereChat:
    """See `ingress.codecs.codec.ProviderCodec`."""

    name = NAME

    def write_request(self, conversation: Conversation) -> Encoded:
        return write_request(conversation)

    def read_answer(self, raw: bytes) -> Answer:
        return read_answer(raw)

    def reader(self) -> EventReader:
        return CohereReader()

    def read_error(self, body: bytes) -> ErrorTold:
        return read_error(body)
