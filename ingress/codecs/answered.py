"""A provider's whole answer as the caller gets it, whatever the two protocols are. Sans-I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from ingress.codecs.codec import CallerCodec, Malformed, ProviderCodec
from ingress.codecs.passage import Stamp, cross_answer
from schemas.errors import InvalidRequest
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
        """The same decoded, and where its texts are.

        Raises:
            Malformed: what was only passed over in reading it is no JSON, or is nested too deeply to be screened.
        """


def opened(raw: bytes, collect: Callable[[dict[str, Any]], list[TextSlot]]) -> tuple[dict[str, Any], list[TextSlot]]:
    """See `Answered.decoded`: readers pass over fields that they do not know, and over whatever those hold."""
    try:
        body: dict[str, Any] = _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Malformed("the provider's answer is not JSON throughout") from None
    return body, collected(body, collect)


def collected(body: dict[str, Any], collect: Callable[[dict[str, Any]], list[TextSlot]]) -> list[TextSlot]:
    """The texts of an answer.

    Raises:
        Malformed: nested too deeply.
    """
    try:
        return collect(body)
    except InvalidRequest:
        raise Malformed("the provider's answer is nested too deeply") from None


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
        return opened(self.raw, collect_answer_texts)


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
        return self._body, collected(self._body, collect_answer_texts)
