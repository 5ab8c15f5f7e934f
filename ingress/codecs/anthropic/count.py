"""Anthropic's counting of tokens. Source: API reference, "Count tokens in a Message"."""

from __future__ import annotations

from typing import Any

import msgspec

from ingress.codecs.anthropic.answer import read_error
from ingress.codecs.anthropic.request_read import read_request
from ingress.codecs.anthropic.request_write import write_request
from ingress.codecs.codec import Encoded, ErrorTold, Malformed
from ingress.codecs.fields import Fields, decode_json
from schemas.conversation.answer import Counted
from schemas.conversation.ask import Count
from schemas.errors import InvalidRequest

NAME = "anthropic_count_tokens"
COUNTED = ("model", "messages", "system", "tools", "tool_choice", "thinking")
"""The fields of a message that count; this method refuses the others."""


class AnthropicCount:
    """See `ingress.codecs.codec.OneShotCodec`."""

    name = NAME

    def read_request(self, body: dict[str, Any]) -> Count:
        conversation = read_request(body)
        return Count(model=conversation.model, conversation=conversation)

    def write_request(self, ask: Count) -> Encoded:
        encoded = write_request(msgspec.structs.replace(ask.conversation, model=ask.model))
        body = {name: value for name, value in encoded.body.items() if name in COUNTED}
        return Encoded(body, encoded.dropped)

    def read_answer(self, raw: bytes) -> Counted:
        try:
            tokens = Fields(decode_json(raw)).integer("input_tokens", 0)
        except (ValueError, InvalidRequest):
            tokens = None
        if tokens is None:
            raise Malformed("the provider's answer is not a count of tokens")
        return Counted(tokens=tokens)

    def write_answer(self, answer: Counted, ask: Count) -> dict[str, Any]:
        return {"input_tokens": answer.tokens}

    def read_error(self, body: bytes) -> ErrorTold:
        return read_error(body)
