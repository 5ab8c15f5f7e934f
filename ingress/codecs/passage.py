"""An answer on its way from a provider's wire format into a caller's: whole, or event by event. Sans-I/O."""

from __future__ import annotations

from typing import Any

import msgspec

from ingress.codecs.codec import CallerCodec, ProviderCodec
from ingress.codecs.signatures import Marking, with_marks
from schemas.conversation.answer import Begun, Delta, Ended, Event, Failed, Finished, PartBegun, Signed, Used
from schemas.facts.traffic import Usage
from schemas.text import TOOL_LANE


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """What an answer is called when its provider does not say."""

    id: str
    model: str
    created_s: int


class Crossed(msgspec.Struct, frozen=True):
    """A whole answer in the caller's protocol."""

    body: dict[str, Any]
    usage: Usage | None
    finish_reason: str


def cross_answer(raw: bytes, back: ProviderCodec, front: CallerCodec, stamp: Stamp) -> Crossed:
    """Reads a provider's answer and writes the caller's.

    Raises:
        Malformed: the provider's bytes are not its wire format.
    """
    answer = with_marks(back.read_answer(raw), back.name)
    answer = msgspec.structs.replace(
        answer,
        id=answer.id or stamp.id,
        model=answer.model or stamp.model,
        created_s=answer.created_s or stamp.created_s,
    )
    finish = answer.choices[0].finish if answer.choices else ""
    return Crossed(front.write_answer(answer), answer.usage, finish)


class Frame(msgspec.Struct, frozen=True, gc=False):
    """Bytes for the caller, and the pieces of text in them as (lane, piece): a lane's pieces make one text."""

    raw: bytes
    texts: tuple[tuple[str, str], ...] = ()


class Step(msgspec.Struct):
    """What one event of a provider's stream came to."""

    frames: list[Frame]
    finish_reason: str = ""
    usage: Usage | None = None
    failed: bool = False
    done: bool = False


class Looking:
    """A stream whose two sides speak the same: its events pass as they are, and are only looked at."""

    __slots__ = ("_include_usage", "_reader", "_tools")

    def __init__(self, codec: ProviderCodec, *, include_usage: bool = True) -> None:
        """
        Args:
            include_usage: whether an event that tells nothing but the usage passes.
        """
        self._reader = codec.reader()
        self._include_usage = include_usage
        self._tools: Tools = set()

    def read(self, event: str, data: bytes, raw: bytes) -> Step:
        """One event; `raw` are its bytes as they came.

        Raises:
            Malformed: not an event of this format.
        """
        step = Step([])
        texts: list[tuple[str, str]] = []
        events = self._reader.read(event, data)
        for told in events:
            text = note(step, told, self._tools)
            if text is not None:
                texts.append(text)
        unwanted = not self._include_usage and len(events) == 1 and isinstance(events[0], Used)
        if not step.failed and not unwanted:
            step.frames.append(Frame(raw, tuple(texts)))
        return step

    def end(self) -> Step:
        step = Step([])
        for told in self._reader.end():
            note(step, told, self._tools)
        return step


class Crossing:
    """A stream whose sides speak differently: each event is read, and written anew."""

    __slots__ = ("_marking", "_over", "_reader", "_stamp", "_tools", "writer")

    def __init__(self, back: ProviderCodec, front: CallerCodec, stamp: Stamp, *, include_usage: bool) -> None:
        self._reader = back.reader()
        self.writer = front.writer(include_usage=include_usage)
        self._stamp = stamp
        self._tools: Tools = set()
        self._marking = Marking(back.name)
        self._over = False

    def read(self, event: str, data: bytes, raw: bytes) -> Step:
        return self._written(self._reader.read(event, data))

    def end(self) -> Step:
        return self._written(self._reader.end())

    def events(self, event: str, data: bytes) -> list[Event]:
        """What an event says, for who writes it later (`written`)."""
        return self._reader.read(event, data)

    def last_events(self) -> list[Event]:
        return self._reader.end()

    def written(self, event: Event) -> bytes:
        """Nothing behind the end: a provider that ends again and again would have the whole answer told each time."""
        if self._over:
            return b""
        self._over = isinstance(event, Ended)
        return self.writer.write(self._named(event))

    def _written(self, events: list[Event]) -> Step:
        step = Step([])
        for told in events:
            if self._over:
                break
            text = note(step, told, self._tools)
            if step.failed:
                # what the caller is told is written by whoever ends the stream
                break
            out = self.written(told)
            if out or text is not None:
                step.frames.append(Frame(out, () if text is None else (text,)))
        return step

    def _named(self, event: Event) -> Event:
        """With what it is called where the provider does not say, and with who signed it."""
        match event:
            case Begun():
                return self._stamped(event)
            case Signed():
                return self._marking.event(event)
        return event

    def _stamped(self, begun: Begun) -> Begun:
        stamp = self._stamp
        return Begun(begun.id or stamp.id, begun.model or stamp.model, begun.created_s or stamp.created_s, begun.usage)


Tools = set[tuple[int, int]]
"""The parts of an answer, by choice and number, that are calls of tools."""


def note(step: Step, told: Event, tools: Tools) -> tuple[str, str] | None:
    """Takes down what an event says of the whole; gives the piece of text it brings, if any."""
    match told:
        case Delta(choice=choice, part=part, text=text):
            return f"{choice}{TOOL_LANE if (choice, part) in tools else '.'}{part}", text
        case PartBegun(kind="tool_call", name=name):
            tools.add((told.choice, told.part))
            return (f"{told.choice}{TOOL_LANE}{told.part}.name", name) if name else None
        case Begun(usage=usage) if usage is not None:
            step.usage = usage
        case Used(usage=usage):
            step.usage = usage
        case Finished(finish=finish):
            step.finish_reason = finish
        case Failed():
            step.failed = True
        case Ended():
            step.done = True
    return None
