"""Counting of tokens by the Gemini API and by Vertex AI. Source: both API references, "countTokens"."""

from __future__ import annotations

from typing import Any

import msgspec

from ingress.codecs.codec import Encoded, ErrorTold, Malformed
from ingress.codecs.fields import Fields, decode_json, put
from ingress.codecs.gemini.answer import read_error
from ingress.codecs.gemini.request_read import read_request
from ingress.codecs.gemini.request_write import write_request
from schemas.conversation.answer import Counted
from schemas.conversation.ask import Count
from schemas.errors import InvalidRequest

NAME = "gemini_count_tokens"
VERTEX = "vertex_count_tokens"
_VERTEX = ("model", "contents", "systemInstruction", "tools", "generationConfig")
"""The fields that count there; it has no whole request around them."""


class GeminiCount:
    """See `ingress.codecs.codec.OneShotCodec`. `model` is in the path here, as with `GEMINI_GENERATE`."""

    name = NAME

    def read_request(self, body: dict[str, Any]) -> Count:
        """Takes both forms: contents alone, or a whole request in `generateContentRequest`."""
        fields = Fields(body)
        whole = fields.object("generateContentRequest")
        model = fields.string("model", needed=True)
        conversation = read_request({**(whole if whole is not None else body), "model": model})
        return Count(model=model, conversation=conversation)

    def write_request(self, ask: Count) -> Encoded:
        encoded = write_request(msgspec.structs.replace(ask.conversation, model=ask.model, stream=False))
        whole = {**encoded.body, "model": f"models/{ask.model}"}
        return Encoded({"model": ask.model, "generateContentRequest": whole}, encoded.dropped)

    def read_answer(self, raw: bytes) -> Counted:
        try:
            fields = Fields(decode_json(raw))
            tokens = fields.integer("totalTokens", 0)
            # a count of nothing is not told here
            return Counted(tokens=tokens or 0, cached=fields.integer("cachedContentTokenCount", 0) or 0)
        except (ValueError, InvalidRequest):
            raise Malformed("the provider's answer is not a count of tokens") from None

    def write_answer(self, answer: Counted, ask: Count) -> dict[str, Any]:
        body: dict[str, Any] = {"totalTokens": answer.tokens}
        put(body, cachedContentTokenCount=answer.cached or None)
        return body

    def read_error(self, body: bytes) -> ErrorTold:
        return read_error(body)


class VertexCount(GeminiCount):
    """As `GeminiCount`, without the whole request around what counts."""

    name = VERTEX

    def write_request(self, ask: Count) -> Encoded:
        encoded = write_request(msgspec.structs.replace(ask.conversation, model=ask.model, stream=False))
        return Encoded({name: value for name, value in encoded.body.items() if name in _VERTEX}, encoded.dropped)
