"""A caller's request as far as the gateway looks, whatever its protocol: the model, the stream, the texts. Sans-I/O.

What is checked here is what Nexus itself needs; everything else is the provider's to judge, as long as it speaks the
caller's protocol, so that fields which nobody here knows pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from ingress.codecs.answered import Answered, CrossedAnswer, PlainAnswer
from ingress.codecs.codec import CallerCodec, Encoded, ProviderCodec
from ingress.codecs.crowded import refuse_crowd
from ingress.codecs.fields import Fields, decode_json, wrong
from ingress.codecs.passage import Stamp
from schemas.conversation.ask import Conversation
from schemas.errors import InvalidRequest
from schemas.text import TextSlot, collect_texts


class Asked(Protocol):
    """What is known of a request before anything is done with it."""

    operation: str
    kind: str
    """What a provider must offer: `chat`, or a field of `schemas.wires.Wire`."""
    codec: CallerCodec
    """Of the caller's protocol."""
    protocol: str
    """Name of the wire format that the body is in."""
    body: dict[str, Any]
    model: str
    stream: bool
    include_usage: bool
    """Whether the caller of a stream wants its usage; most protocols tell it unasked."""
    max_output: int | None
    choices: int
    """0 where nothing is written, so that only what is read costs."""
    user: str
    turns: int
    """Messages, for the estimate of the prompt's size."""
    more_tokens: int
    """A ceiling for what is read besides the texts, and for what is read of them more than once."""
    opaque: bool
    """Whether there is text in it that nobody can read here, cut into tokens by the caller."""
    free: bool
    """Whether no provider charges for it."""
    plain: bool
    """Whether it is known already that there is nothing to read but texts; else it has to be looked for."""
    keeps_answer: bool
    """Whether its answer goes on the record beside it; vectors do not: megabytes that nobody reads."""

    def texts(self) -> list[TextSlot]:
        """Every text-bearing string, in document order."""

    def same(self, model: str, max_output: int | None) -> dict[str, Any]:
        """The body for a provider that speaks the caller's protocol.

        Args:
            model: the provider's name of the model.
            max_output: a tighter limit of output tokens than the caller's own, when money is short; None to leave it.
        """

    def crossed(self, codec: Any, model: str, max_output: int | None) -> Encoded:
        """The body for a provider of another protocol; `codec` is one for the same kind of operation.

        Raises:
            InvalidRequest: it cannot be said there.
        """

    def answered(self, raw: bytes, codec: Any, stamp: Stamp) -> Answered:
        """The provider's whole answer as the caller gets it; `codec` reads it.

        Raises:
            Malformed: not an answer of that format.
        """


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What one protocol's request says of itself."""

    model: str
    turns: int
    stream: bool = False
    max_output: int | None = None
    choices: int = 1
    user: str = ""
    more_tokens: int = 0
    opaque: bool = False
    include_usage: bool = True


class Front(msgspec.Struct, frozen=True):
    """One protocol in which callers hold conversations."""

    operation: str
    codec: CallerCodec
    look: Callable[[Fields], Look]
    same: Callable[[dict[str, Any], str, int | None], dict[str, Any]]
    kind: str = "chat"


class Request:
    """What a look at a body of any protocol has told. The body is encoded anew, so that what was screened is exactly
    what is sent."""

    __slots__ = ("body", "codec", "kind", "model", "more_tokens", "opaque", "operation", "turns", "user")

    plain = False

    def __init__(self, body: dict[str, Any], operation: str, kind: str, codec: CallerCodec, look: Look) -> None:
        self.operation = operation
        self.kind = kind
        self.codec = codec
        self.body = body
        self.model = look.model
        self.user = look.user
        self.turns = look.turns
        self.more_tokens = look.more_tokens
        self.opaque = look.opaque

    def texts(self) -> list[TextSlot]:
        return collect_texts(self.body)


class GeneralRequest(Request):
    """A conversation of any protocol."""

    __slots__ = ("_front", "choices", "include_usage", "max_output", "protocol", "stream")

    free = False
    keeps_answer = True

    def __init__(self, body: dict[str, Any], front: Front) -> None:
        look = front.look(Fields(body))
        super().__init__(body, front.operation, front.kind, front.codec, look)
        self._front = front
        self.protocol = front.codec.name
        self.stream = look.stream
        self.include_usage = look.include_usage
        self.max_output = look.max_output
        self.choices = look.choices

    def same(self, model: str, max_output: int | None) -> dict[str, Any]:
        return self._front.same(self.body, model, max_output)

    def crossed(self, codec: ProviderCodec, model: str, max_output: int | None) -> Encoded:
        return codec.write_request(narrowed(self.codec.read_request(self.body), model, max_output))

    def answered(self, raw: bytes, codec: ProviderCodec, stamp: Stamp) -> Answered:
        if codec.name == self.protocol:
            return PlainAnswer(raw, codec)
        return CrossedAnswer(raw, codec, self.codec, stamp)


def narrowed(conversation: Conversation, model: str, max_output: int | None) -> Conversation:
    """The same for another model, with a tighter limit if there is one."""
    limit = conversation.max_output if max_output is None else max_output
    return msgspec.structs.replace(conversation, model=model, max_output=limit)


def decode_body(raw: bytes, said: dict[str, Any] | None = None) -> dict[str, Any]:
    """The body of a request, with what the path says instead of it (`model`, `stream`).

    Raises:
        InvalidRequest: not a JSON object.
        TooLarge: one of too many values.
    """
    try:
        body = decode_json(raw)
    except ValueError:
        raise InvalidRequest("The body of the request is not valid JSON.", code="invalid_json") from None
    if not isinstance(body, dict):
        raise InvalidRequest("The body of the request must be a JSON object.")
    refuse_crowd(raw, body)
    return {**body, **said} if said else body


def parse(raw: bytes, front: Front, said: dict[str, Any] | None = None) -> GeneralRequest:
    """Reads a request of a conversation.

    Raises:
        InvalidRequest: with the field's name where there is one.
    """
    return GeneralRequest(decode_body(raw, said), front)


def model_of(fields: Fields) -> str:
    model = fields.any("model")
    if not isinstance(model, str) or not model:
        raise InvalidRequest("You must provide a model parameter.", param="model")
    if len(model) > 256:
        raise InvalidRequest("The name of the model is too long.", param="model")
    return model


def tightened(body: dict[str, Any], model: str, field: str, max_output: int | None) -> dict[str, Any]:
    """The body with another model, and with a tighter limit in `field` if there is one."""
    changed = {**body, "model": model}
    if max_output is not None:
        changed[field] = max_output
    return changed


def bounded(value: int | None, most: int, where: str) -> int:
    """How many answers are wanted."""
    if value is not None and value > most:
        raise wrong(where, f"at most {most}")
    return value or 1
