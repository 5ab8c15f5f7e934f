"""Replicate's predictions of language models as one codec, for the side of providers."""

from __future__ import annotations

from ingress.codecs.codec import Encoded, ErrorTold, EventReader
from ingress.codecs.replicate.prediction import read_answer, read_error
from ingress.codecs.replicate.request import NAME, write_request
from ingress.codecs.replicate.stream import PredictionReader
from schemas.conversation.answer import Answer
from schemas.conversation.ask import Conversation


class ReplicatePredictions:
    """See `ingress.codecs.codec.ProviderCodec`; what to ask after the first answer is in `prediction.next_call`."""

    name = NAME

    def write_request(self, conversation: Conversation) -> Encoded:
        return write_request(conversation)

    def read_answer(self, raw: bytes) -> Answer:
        return read_answer(raw)

    def reader(self) -> EventReader:
        return PredictionReader()

    def read_error(self, body: bytes) -> ErrorTold:
        return read_error(body)
