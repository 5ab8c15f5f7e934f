"""What every wire format offers: reading and writing of requests, answers, streams, errors. Shapes only, no I/O.

Callers speak one of these and provider accounts another. When both speak the same, bodies pass with only what must
change; else everything goes through the conversation of `schemas.conversation`, and what the other side has no word for
is named in `Encoded.dropped`.
"""

from __future__ import annotations

from typing import Any, Generic, Protocol, TypeVar

import msgspec

from schemas.conversation.answer import Answer, Event
from schemas.conversation.ask import Conversation
from schemas.errors import NexusError

AskT = TypeVar("AskT")
AnswerT = TypeVar("AnswerT")


class Malformed(ValueError):
    """A provider's bytes are not its wire format."""


class Encoded(msgspec.Struct, frozen=True):
    """A body in one protocol, and the names of what that protocol could not say (as the neutral request names them)."""

    body: dict[str, Any]
    dropped: tuple[str, ...] = ()


class ErrorTold(msgspec.Struct, frozen=True):
    """A provider's own error: empty strings where it told nothing."""

    message: str = ""
    code: str = ""
    param: str | None = None


class ToldError(Malformed):
    """A provider's error in place of an answer, under a status that says all is well."""

    def __init__(self, told: ErrorTold) -> None:
        super().__init__(f"the provider answered with an error: {told.message or told.code or 'without a message'}")
        self.told = told


class EventReader(Protocol):
    """Reads one stream of a provider. Sans-I/O, remembers no more than where it is."""

    def read(self, event: str, data: bytes) -> list[Event]:
        """What one event of the stream says; `event` is the SSE field (or the frame's type), `data` its payload.

        Raises:
            Malformed: not an event of this format.
        """

    def end(self) -> list[Event]:
        """What the end of the bytes says: `Ended` if the protocol ends so and all was told, else nothing."""


class EventWriter(Protocol):
    """Writes one stream to a caller."""

    def write(self, event: Event) -> bytes:
        """The frames for one event; may be empty."""

    def fail(self, error: NexusError, *, filtered: bool) -> bytes:
        """The frames that end a stream which cannot go on; `filtered` when a rule stopped it (finish `content_filter`
        or the protocol's word for it)."""


class ProviderCodec(Protocol):
    """The side of a wire format that faces providers. Stateless."""

    @property
    def name(self) -> str: ...

    def write_request(self, conversation: Conversation) -> Encoded:
        """The body for a provider."""

    def read_answer(self, raw: bytes) -> Answer:
        """A provider's whole answer.

        Raises:
            Malformed: not an answer of this format.
        """

    def reader(self) -> EventReader:
        """For one provider's stream."""

    def read_error(self, body: bytes) -> ErrorTold:
        """A provider's error; empty when it has another form."""


class CallerCodec(Protocol):
    """The side of a wire format that faces callers. Stateless."""

    @property
    def name(self) -> str: ...

    def read_request(self, body: dict[str, Any]) -> Conversation:
        """What a caller asks.

        Raises:
            InvalidRequest: with the name of the field.
        """

    def write_answer(self, answer: Answer) -> dict[str, Any]:
        """The body for a caller."""

    def writer(self, *, include_usage: bool) -> EventWriter:
        """For one caller's stream."""

    def write_error(self, error: NexusError) -> bytes:
        """An error as this protocol's clients read it."""


class ChatCodec(ProviderCodec, CallerCodec, Protocol):
    """A wire format that is spoken on both sides."""


AskT_contra = TypeVar("AskT_contra", contravariant=True)
AnswerT_co = TypeVar("AnswerT_co", covariant=True)


class OneShotProvider(Protocol, Generic[AskT_contra, AnswerT_co]):
    """The provider's half of a wire format for an operation without streams."""

    name: str

    def write_request(self, ask: AskT_contra) -> Encoded: ...

    def read_answer(self, raw: bytes) -> AnswerT_co:
        """Raises Malformed for what is no answer of this format."""

    def read_error(self, body: bytes) -> ErrorTold: ...


class OneShotCodec(Protocol, Generic[AskT, AnswerT]):
    """A wire format for an operation without streams: embeddings, rerank, moderation."""

    name: str

    def read_request(self, body: dict[str, Any]) -> AskT: ...

    def write_request(self, ask: AskT) -> Encoded: ...

    def read_answer(self, raw: bytes) -> AnswerT: ...

    def write_answer(self, answer: AnswerT, ask: AskT) -> dict[str, Any]: ...

    def read_error(self, body: bytes) -> ErrorTold: ...
