"""Cohere's embeddings, version 2. Source: Cohere API reference, "Embed" (v2)."""

from __future__ import annotations

from typing import Any

from ingress.codecs.codec import Encoded, ErrorTold, Malformed
from ingress.codecs.cohere.answer import count, read_error
from ingress.codecs.fields import Fields, decode_json, put
from ingress.codecs.losses import Losses
from ingress.codecs.vectors import read_vector, texts_of
from schemas.conversation.answer import Embeddings
from schemas.conversation.ask import Embed
from schemas.errors import InvalidRequest
from schemas.facts.traffic import Usage

NAME = "cohere_embeddings"
_PURPOSES = {
    "query": "search_query", "document": "search_document", "classification": "classification",
    "clustering": "clustering",
}  # fmt: skip
DEFAULT_PURPOSE = "search_document"
"""This API demands a purpose; for callers who gave none."""


class CohereEmbeddings:
    """See `ingress.codecs.codec.OneShotProvider`."""

    name = NAME

    def write_request(self, ask: Embed) -> Encoded:
        losses = Losses()
        losses.unless_unsaid(ask, "user", "title", "other")
        if ask.purpose and ask.purpose not in _PURPOSES:
            losses.drop("purpose")
        body: dict[str, Any] = {
            "model": ask.model,
            "texts": texts_of(ask, "Cohere"),
            "input_type": _PURPOSES.get(ask.purpose, DEFAULT_PURPOSE),
            "embedding_types": ["float"],
        }
        put(body, output_dimension=ask.dimensions)
        if ask.truncate is not None:
            body["truncate"] = "END" if ask.truncate else "NONE"
        return Encoded(body, losses.names())

    def read_answer(self, raw: bytes) -> Embeddings:
        try:
            fields = Fields(decode_json(raw))
            told = Fields(fields.any("embeddings"), "embeddings")
            vectors = tuple(read_vector(each) for each in told.array("float", needed=True))
            meta = fields.inner("meta")
            billed = None if meta is None else meta.object("billed_units")
            return Embeddings(vectors=vectors, usage=None if billed is None else Usage(count(billed, "input_tokens")))
        except (ValueError, InvalidRequest):
            raise Malformed("the provider's answer is not one of embeddings") from None

    def read_error(self, body: bytes) -> ErrorTold:
        return read_error(body)
