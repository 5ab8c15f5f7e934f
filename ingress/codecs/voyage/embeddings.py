"""Voyage AI's text embeddings. Source: Voyage AI API reference, "Text embedding models"."""

from __future__ import annotations

from typing import Any

from ingress.codecs.codec import Encoded, ErrorTold
from ingress.codecs.fields import put
from ingress.codecs.losses import Losses
from ingress.codecs.openai.embeddings import OpenAIEmbeddings
from ingress.codecs.vectors import texts_of
from ingress.codecs.voyage.errors import read_error
from schemas.conversation.answer import Embeddings
from schemas.conversation.ask import Embed

NAME = "voyage_embeddings"
_PURPOSES = {"query": "query", "document": "document"}


class VoyageEmbeddings:
    """See `ingress.codecs.codec.OneShotProvider`. Its answers have OpenAI's form."""

    name = NAME

    def __init__(self) -> None:
        self._openai = OpenAIEmbeddings()

    def write_request(self, ask: Embed) -> Encoded:
        losses = Losses()
        losses.unless_unsaid(ask, "user", "title", "other")
        if ask.purpose and ask.purpose not in _PURPOSES:
            losses.drop("purpose")
        body: dict[str, Any] = {"model": ask.model, "input": texts_of(ask, "Voyage AI")}
        put(
            body,
            input_type=_PURPOSES.get(ask.purpose, ""),
            output_dimension=ask.dimensions,
            encoding_format="base64" if ask.base64 else "",
            truncation=ask.truncate,
        )
        return Encoded(body, losses.names())

    def read_answer(self, raw: bytes) -> Embeddings:
        return self._openai.read_answer(raw)

    def read_error(self, body: bytes) -> ErrorTold:
        return read_error(body)
