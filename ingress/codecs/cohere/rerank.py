"""Cohere's rerank, version 2. Source: Cohere API reference, "Rerank" (v2)."""

from __future__ import annotations

from typing import Any

from ingress.codecs.codec import Encoded, ErrorTold, Malformed
from ingress.codecs.cohere.answer import read_error
from ingress.codecs.fields import Fields, decode_json, put, wrong
from ingress.codecs.losses import Losses, say_own
from ingress.codecs.ranks import read_order
from schemas.conversation.answer import Ranking
from schemas.conversation.ask import Rerank
from schemas.errors import InvalidRequest

NAME = "cohere_rerank"


class CohereRerank:
    """See `ingress.codecs.codec.OneShotCodec`. It is billed by the search here: no tokens are told."""

    name = NAME

    def read_request(self, body: dict[str, Any]) -> Rerank:
        fields = Fields(body)
        documents = fields.array("documents", needed=True)
        found = [each.get("text") if isinstance(each, dict) else each for each in documents]
        texts = [text for text in found if isinstance(text, str)]
        if len(texts) < len(found):
            raise wrong("documents", "an array of texts")
        return Rerank(
            model=fields.string("model", needed=True),
            query=fields.string("query", needed=True),
            documents=tuple(texts),
            top_n=fields.integer("top_n", 1),
            return_documents=fields.flag("return_documents"),
            origin=NAME,
            other=fields.rest(),
        )

    def write_request(self, ask: Rerank) -> Encoded:
        losses = Losses()
        losses.unless_unsaid(ask, "truncate")
        body: dict[str, Any] = {"model": ask.model, "query": ask.query, "documents": list(ask.documents)}
        put(body, top_n=ask.top_n)
        say_own(body, ask, NAME, losses)
        # documents are not sent back in this version; who asked for them gets the ones that were sent
        return Encoded(body, losses.names())

    def read_answer(self, raw: bytes) -> Ranking:
        try:
            fields = Fields(decode_json(raw))
            return Ranking(id=fields.string("id"), order=read_order(fields.each("results")))
        except (ValueError, InvalidRequest):
            raise Malformed("the provider's answer is not a ranking") from None

    def write_answer(self, answer: Ranking, ask: Rerank) -> dict[str, Any]:
        results: list[dict[str, Any]] = []
        for index, score in answer.order:
            result: dict[str, Any] = {"index": index, "relevance_score": score}
            if ask.return_documents and index < len(ask.documents):
                result["document"] = {"text": ask.documents[index]}
            results.append(result)
        return {"id": answer.id, "results": results, "meta": {"api_version": {"version": "2"}}}

    def read_error(self, body: bytes) -> ErrorTold:
        return read_error(body)
