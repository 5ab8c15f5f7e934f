"""A provider's whole answer as the caller gets it, whatever the two protocols are. Sans-I/O."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from ingress.codecs.codec import CallerCodec, ProviderCodec
from ingress.codecs.passage import Stamp, cross_answer
from schemas.facts.traffic import Usage
from schemas.text import TextSlot, collect_answer_texts

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Answered(Protocol):
    """What the gateway needs of an answer."""

    usage: Usage | None
    finish_reason: str

    @property
    def raw(self) -> bytes:
        """The body for the caller, if nothing in it has to change."""

    def decoded(self) -> tuple[dict[str, Any], list[TextSlot]]:
        """The same decoded, and where its texts are."""


class PlainAnswer:
    """An answer in the caller's own protocol: it passes as it came."""

    __slots__ = ("finish_reason", "raw", "usage")

    def __init__(self, raw: bytes, codec: ProviderCodec) -> None:
        """
        Raises:
            Malformed: not an answer of this format.
        """
        answer = codec.read_answer(raw)
        self.raw = raw
        self.usage = answer.usage
        self.finish_reason = answer.choices[0].finish if answer.choices else ""

    def decoded(self) -> tuple[dict[str, Any], list[TextSlot]]:
        body: dict[str, Any] = _decode(self.raw)
        return body, collect_answer_texts(body)


class CrossedAnswer:
    """An answer that was read in one protocol and written in another."""

    __slots__ = ("_body", "_raw", "finish_reason", "usage")

    def __init__(self, raw: bytes, back: ProviderCodec, front: CallerCodec, stamp: Stamp) -> None:
        """
        Raises:
            Malformed: not an answer of the provider's format.
        """
        crossed = cross_answer(raw, back, front, stamp)
        self._body = crossed.body
        self._raw = b""
        self.usage = crossed.usage
        self.finish_reason = crossed.finish_reason

    @property
    def raw(self) -> bytes:
        self._raw = self._raw or _encode(self._body)
        return self._raw

    def decoded(self) -> tuple[dict[str, Any], list[TextSlot]]:
        return self._body, collect_answer_texts(self._body)
