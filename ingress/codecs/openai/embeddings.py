"""OpenAI's embeddings. Source: API reference, "Create embeddings", "The embedding object"."""

from __future__ import annotations

from typing import Any

from ingress.codecs.codec import Encoded, ErrorTold, Malformed
from ingress.codecs.fields import MOST_TOKENS, Fields, decode_json, put, wrong
from ingress.codecs.losses import Losses, say_own
from ingress.codecs.openai.chat_answer import read_error
from ingress.codecs.vectors import read_vector, write_vector
from schemas.conversation.answer import Embeddings
from schemas.conversation.ask import Embed
from schemas.errors import InvalidRequest
from schemas.facts.traffic import Usage

NAME = "openai_embeddings"


class OpenAIEmbeddings:
    """See `ingress.codecs.codec.OneShotCodec`."""

    name = NAME

    def read_request(self, body: dict[str, Any]) -> Embed:
        fields = Fields(body)
        texts, tokens = _input(fields.any("input"))
        form = fields.string("encoding_format")
        if form not in ("", "float", "base64"):
            raise wrong("encoding_format", "float or base64")
        return Embed(
            model=fields.string("model", needed=True),
            texts=texts,
            tokens=tokens,
            dimensions=fields.integer("dimensions", 1),
            base64=form == "base64",
            user=fields.string("user"),
            many=isinstance(body["input"], list),
            origin=NAME,
            other=fields.rest(),
        )

    def write_request(self, ask: Embed) -> Encoded:
        losses = Losses()
        losses.unless_unsaid(ask, "purpose", "title", "truncate")
        given: Any = [list(each) for each in ask.tokens] if ask.tokens else list(ask.texts)
        body: dict[str, Any] = {"model": ask.model, "input": given if ask.many or len(given) != 1 else given[0]}
        put(body, dimensions=ask.dimensions, encoding_format="base64" if ask.base64 else "", user=ask.user)
        say_own(body, ask, NAME, losses)
        return Encoded(body, losses.names())

    def read_answer(self, raw: bytes) -> Embeddings:
        try:
            fields = Fields(decode_json(raw))
            found = [
                (at if (index := each.integer("index")) is None else index, read_vector(each.any("embedding")))
                for at, each in enumerate(fields.each("data", needed=True))
            ]
            return Embeddings(
                model=fields.string("model"),
                vectors=tuple(vector for _, vector in sorted(found, key=lambda pair: pair[0])),
                usage=read_usage(fields.any("usage")),
            )
        except (ValueError, InvalidRequest):
            raise Malformed("the provider's answer is not a list of embeddings") from None

    def write_answer(self, answer: Embeddings, ask: Embed) -> dict[str, Any]:
        usage = answer.usage or Usage()
        return {
            "object": "list",
            "data": [
                {"object": "embedding", "index": at, "embedding": write_vector(vector, as_base64=ask.base64)}
                for at, vector in enumerate(answer.vectors)
            ],
            "model": answer.model or ask.model,
            "usage": {"prompt_tokens": usage.input_tokens, "total_tokens": usage.input_tokens},
        }

    def read_error(self, body: bytes) -> ErrorTold:
        return read_error(body)


def _input(value: Any) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    """A text, texts, tokens, or lists of tokens; never empty."""
    if isinstance(value, str) and value:
        return (value,), ()
    if isinstance(value, list) and value:
        if all(isinstance(each, str) and each for each in value):
            return tuple(value), ()
        if _are_tokens(value):
            return (), (tuple(value),)
        if all(_are_tokens(each) for each in value):
            return (), tuple(tuple(each) for each in value)
    raise wrong("input", "a text or an array of texts or of tokens, none of them empty")


def _are_tokens(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(token, int) and not isinstance(token, bool) and token >= 0 for token in value)
    )


def read_usage(told: Any) -> Usage | None:
    """`prompt_tokens`, or the `total_tokens` of those who count no other."""
    if not isinstance(told, dict):
        return None
    for name in ("prompt_tokens", "total_tokens"):
        value = told.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS:
            return Usage(value)
    return None
