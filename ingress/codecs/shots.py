"""Operations without streams as callers ask for them: embeddings, rerank, moderation, counts of tokens. Sans-I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ingress.codecs.answered import opened
from ingress.codecs.asked import Look, Request, decode_body
from ingress.codecs.codec import CallerCodec, Encoded, Malformed, OneShotCodec, OneShotProvider
from ingress.codecs.fields import Fields
from ingress.codecs.passage import Stamp
from schemas.facts.traffic import Usage
from schemas.text import TextSlot, collect_results_texts

_encode = msgspec.json.Encoder().encode


class ShotFront(msgspec.Struct, frozen=True):
    """One protocol in which callers ask for one operation."""

    operation: str
    kind: str
    """Field of `schemas.wires.Wire`."""
    codec: CallerCodec
    """In whose words errors are told."""
    shot: OneShotCodec[Any, Any]
    look: Callable[[Fields], Look]
    same: Callable[[dict[str, Any], str], dict[str, Any]]
    glance: Callable[[bytes], Usage | None] | None = None
    """Reads the usage of an answer that is passed on, where reading all of it would be dear. Raises Malformed."""
    has_texts: bool = False
    """Whether its answers can have texts."""
    free: bool = False


class ShotRequest(Request):
    """See `ingress.codecs.asked.Asked`."""

    __slots__ = ("_front", "free", "keeps_answer", "protocol")

    stream = False
    include_usage = False
    max_output: int | None = None
    choices = 0

    def __init__(self, body: dict[str, Any], front: ShotFront) -> None:
        look = front.look(Fields(body))
        super().__init__(body, front.operation, front.kind, front.codec, look)
        self._front = front
        self.protocol = front.shot.name
        self.free = front.free
        self.keeps_answer = front.kind != "embeddings"

    def same(self, model: str, max_output: int | None) -> dict[str, Any]:
        return self._front.same(self.body, model)

    def crossed(self, codec: OneShotProvider[Any, Any], model: str, max_output: int | None) -> Encoded:
        return codec.write_request(msgspec.structs.replace(self.ask(), model=model))

    def answered(self, raw: bytes, codec: OneShotProvider[Any, Any], stamp: Stamp) -> ShotAnswer:
        """See `Asked.answered`."""
        front = self._front
        if codec.name != self.protocol:
            answer = codec.read_answer(raw)
            if not getattr(answer, "model", "unnamed"):
                answer = msgspec.structs.replace(answer, model=stamp.model)
            if not getattr(answer, "id", "unnamed"):
                answer = msgspec.structs.replace(answer, id=stamp.id)
            raw = _encode(front.shot.write_answer(answer, self.ask()))
            return ShotAnswer(raw, _usage_of(answer), has_texts=front.has_texts)
        usage = front.glance(raw) if front.glance is not None else _usage_of(codec.read_answer(raw))
        return ShotAnswer(raw, usage, has_texts=front.has_texts)

    def ask(self) -> Any:
        """What is asked, in no protocol's words.

        Raises:
            InvalidRequest: with the name of the field.
        """
        return self._front.shot.read_request(self.body)


def _usage_of(answer: Any) -> Usage | None:
    """Not every kind of answer tells of tokens."""
    usage: Usage | None = getattr(answer, "usage", None)
    return usage


class ShotAnswer:
    """See `ingress.codecs.answered.Answered`."""

    __slots__ = ("_has_texts", "raw", "usage")

    finish_reason = ""

    def __init__(self, raw: bytes, usage: Usage | None, *, has_texts: bool) -> None:
        self.raw = raw
        self.usage = usage
        self._has_texts = has_texts

    def decoded(self) -> tuple[dict[str, Any], list[TextSlot]]:
        """Numbers are no texts: an answer that has nothing else is not decoded."""
        if not self._has_texts:
            return {}, []
        return opened(self.raw, collect_results_texts)


def parse_shot(raw: bytes, front: ShotFront, said: dict[str, Any] | None = None) -> ShotRequest:
    """Reads a request.

    Raises:
        InvalidRequest: with the field's name where there is one.
    """
    return ShotRequest(decode_body(raw, said), front)


class _Vectors(msgspec.Struct):
    data: list[msgspec.Raw]
    usage: msgspec.Raw = msgspec.Raw(b"null")


class _Tokens(msgspec.Struct):
    prompt_tokens: int | None = None
    total_tokens: int | None = None


_vectors = msgspec.json.Decoder(_Vectors).decode
_tokens = msgspec.json.Decoder(_Tokens | None).decode


def glance_at_vectors(raw: bytes) -> Usage | None:
    """The usage in an answer of OpenAI's embeddings; the vectors are not looked at.

    Raises:
        Malformed: there is no list of them.
    """
    try:
        told = _vectors(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Malformed("the provider's answer is not a list of embeddings") from None
    try:
        usage = _tokens(told.usage)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    for tokens in () if usage is None else (usage.prompt_tokens, usage.total_tokens):
        if tokens is not None and tokens >= 0:
            return Usage(tokens)
    return None
