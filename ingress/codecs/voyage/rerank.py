"""Voyage AI's rerank. Source: Voyage AI API reference, "Rerankers"."""

from __future__ import annotations

from typing import Any

from ingress.codecs.codec import Encoded, ErrorTold, Malformed
from ingress.codecs.fields import Fields, decode_json, put
from ingress.codecs.losses import Losses
from ingress.codecs.openai.embeddings import read_usage
from ingress.codecs.ranks import read_order
from ingress.codecs.voyage.errors import read_error
from schemas.conversation.answer import Ranking
from schemas.conversation.ask import Rerank
from schemas.errors import InvalidRequest

NAME = "voyage_rerank"


class VoyageRerank:
    """See `ingress.codecs.codec.OneShotProvider`."""

    name = NAME

    def write_request(self, ask: Rerank) -> Encoded:
        losses = Losses()
        losses.unless_unsaid(ask, "other")
        body: dict[str, Any] = {"model": ask.model, "query": ask.query, "documents": list(ask.documents)}
        put(body, top_k=ask.top_n, truncation=ask.truncate)
        return Encoded(body, losses.names())

    def read_answer(self, raw: bytes) -> Ranking:
        try:
            fields = Fields(decode_json(raw))
            return Ranking(
                model=fields.string("model"),
                order=read_order(fields.each("data")),
                usage=read_usage(fields.any("usage")),
            )
        except (ValueError, InvalidRequest):
            raise Malformed("the provider's answer is not a ranking") from None

    def read_error(self, body: bytes) -> ErrorTold:
        return read_error(body)
