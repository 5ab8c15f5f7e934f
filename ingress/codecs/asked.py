"""A caller's request as far as the gateway looks, whatever its protocol: the model, the stream, the texts. Sans-I/O.

What is checked here is what Nexus itself needs; everything else is the provider's to judge, as long as it speaks the
caller's protocol, so that fields which nobody here knows pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from ingress.codecs.codec import CallerCodec
from ingress.codecs.fields import Fields, decode_json, wrong
from schemas.errors import InvalidRequest
from schemas.text import TextSlot, collect_texts


class Asked(Protocol):
    """What is known of a request before anything is done with it."""

    operation: str
    codec: CallerCodec
    """Of the caller's protocol."""
    body: dict[str, Any]
    model: str
    stream: bool
    include_usage: bool
    """Whether the caller of a stream wants its usage; most protocols tell it unasked."""
    max_output: int | None
    choices: int
    user: str
    turns: int
    """Messages, for the estimate of the prompt's size."""

    def texts(self) -> list[TextSlot]:
        """Every text-bearing string, in document order."""

    def same(self, model: str, max_output: int | None) -> dict[str, Any]:
        """The body for a provider that speaks the caller's protocol.

        Args:
            model: the provider's name of the model.
            max_output: a tighter limit of output tokens than the caller's own, when money is short; None to leave it.
        """


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What one protocol's request says of itself."""

    model: str
    turns: int
    stream: bool = False
    max_output: int | None = None
    choices: int = 1
    user: str = ""


class Front(msgspec.Struct, frozen=True):
    """One protocol that callers speak."""

    operation: str
    codec: CallerCodec
    look: Callable[[Fields], Look]
    same: Callable[[dict[str, Any], str, int | None], dict[str, Any]]


class GeneralRequest:
    """A request of any protocol. Its body is encoded anew, so that what was screened is exactly what is sent."""

    __slots__ = (
        "_front", "body", "choices", "codec", "include_usage", "max_output", "model", "operation", "stream", "turns",
        "user",
    )  # fmt: skip

    def __init__(self, body: dict[str, Any], front: Front) -> None:
        look = front.look(Fields(body))
        self._front = front
        self.operation = front.operation
        self.codec = front.codec
        self.body = body
        self.model = look.model
        self.stream = look.stream
        self.include_usage = True
        self.max_output = look.max_output
        self.choices = look.choices
        self.user = look.user
        self.turns = look.turns

    def texts(self) -> list[TextSlot]:
        return collect_texts(self.body)

    def same(self, model: str, max_output: int | None) -> dict[str, Any]:
        return self._front.same(self.body, model, max_output)


def parse(raw: bytes, front: Front, said: dict[str, Any] | None = None) -> GeneralRequest:
    """Reads a request.

    Args:
        said: what the path says instead of the body (`model`, `stream`), for protocols that do it so.

    Raises:
        InvalidRequest: with the field's name where there is one.
    """
    try:
        body = decode_json(raw)
    except ValueError:
        raise InvalidRequest("The body of the request is not valid JSON.", code="invalid_json") from None
    if not isinstance(body, dict):
        raise InvalidRequest("The body of the request must be a JSON object.")
    if said:
        body = {**body, **said}
    return GeneralRequest(body, front)


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
