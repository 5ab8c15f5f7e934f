"""Text embeddings of Vertex AI. Source: Vertex AI, "Text embeddings API" (predict)."""

from __future__ import annotations

from typing import Any

from ingress.codecs.codec import Encoded, ErrorTold, Malformed
from ingress.codecs.cohere.answer import count
from ingress.codecs.fields import Fields, decode_json, put
from ingress.codecs.gemini.answer import read_error
from ingress.codecs.gemini.embeddings import TASKS
from ingress.codecs.losses import Losses
from ingress.codecs.vectors import read_vector, texts_of
from schemas.conversation.answer import Embeddings
from schemas.conversation.ask import Embed
from schemas.errors import InvalidRequest
from schemas.facts.traffic import Usage

NAME = "vertex_embeddings"


class VertexEmbeddings:
    """See `ingress.codecs.codec.OneShotProvider`. `model` stays in the body until the path is made of it."""

    name = NAME

    def write_request(self, ask: Embed) -> Encoded:
        losses = Losses()
        losses.unless_unsaid(ask, "user", "other")
        options: dict[str, Any] = {}
        put(options, task_type=TASKS.get(ask.purpose, ""), title=ask.title)
        parameters: dict[str, Any] = {}
        put(parameters, outputDimensionality=ask.dimensions, autoTruncate=ask.truncate)
        body: dict[str, Any] = {
            "model": ask.model,
            "instances": [{"content": text, **options} for text in texts_of(ask, "Vertex AI")],
        }
        put(body, parameters=parameters)
        return Encoded(body, losses.names())

    def read_answer(self, raw: bytes) -> Embeddings:
        try:
            fields = Fields(decode_json(raw))
            vectors, tokens = [], 0
            for each in fields.each("predictions", needed=True):
                told = Fields(each.any("embeddings"), "embeddings")
                vectors.append(read_vector(told.any("values")))
                tokens += count(told.object("statistics") or {}, "token_count")
            return Embeddings(vectors=tuple(vectors), usage=Usage(tokens) if tokens else None)
        except (ValueError, InvalidRequest):
            raise Malformed("the provider's answer is not one of embeddings") from None

    def read_error(self, body: bytes) -> ErrorTold:
        return read_error(body)
