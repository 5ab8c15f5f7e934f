"""Streams of Anthropic's Messages API. Source: "Streaming messages" (event types, error events)."""

from __future__ import annotations

from typing import Any

import msgspec

from ingress.codecs.anthropic.answer import (
    message_id,
    read_error,
    read_finish,
    read_usage,
    write_error,
    write_finish,
    write_usage,
)
from ingress.codecs.anthropic.signed_calls import sealed
from ingress.codecs.codec import Malformed
from ingress.codecs.told_errors import broken_off
from schemas.conversation.answer import (
    Begun,
    Delta,
    Ended,
    Event,
    Failed,
    Finished,
    PartBegun,
    PartEnded,
    Signed,
    Used,
)
from schemas.errors import NexusError
from schemas.facts.traffic import Usage

_encode = msgspec.json.Encoder().encode
_ENDED = Ended()


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Block(msgspec.Struct):
    type: str = ""
    id: str = ""
    name: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    data: str = ""
    input: Any = None


class _Message(msgspec.Struct):
    id: str = ""
    model: str = ""
    usage: Any = None


class _Event(msgspec.Struct):
    type: str = ""
    index: int = 0
    delta: _Delta | None = None
    content_block: _Block | None = None
    message: _Message | None = None
    usage: Any = None


_event = msgspec.json.Decoder(_Event).decode


class MessageReader:
    """Events of this API in, events of the conversation out."""

    __slots__ = ("_known", "_next", "_usage")

    def __init__(self) -> None:
        self._usage: Usage | None = None
        self._known: dict[int, int] = {}
        """Index of a block here -> number of its part; blocks of kinds nobody else knows have none."""
        self._next = 0

    def read(self, event: str, data: bytes) -> list[Event]:
        try:
            told = _event(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Malformed("an event of the provider's stream is not one of a message") from None
        match told.type:
            case "content_block_delta":
                return self._delta(told)
            case "content_block_start":
                return self._start(told)
            case "content_block_stop":
                # what comes for it afterwards belongs to nothing
                part = self._known.pop(told.index, None)
                return [] if part is None else [PartEnded(0, part)]
            case "message_start":
                message = told.message or _Message()
                self._usage = read_usage(message.usage)
                return [Begun(message.id, message.model, 0, self._usage)]
            case "message_delta":
                return self._finish(told)
            case "message_stop":
                return [_ENDED]
            case "error":
                error = read_error(data)
                return [Failed(error.message, error.code)]
        return []

    def _start(self, told: _Event) -> list[Event]:
        block = told.content_block or _Block()
        kind = {"tool_use": "tool_call", "redacted_thinking": "encrypted"}.get(block.type, block.type)
        if kind not in ("text", "thinking", "encrypted", "tool_call"):
            return []
        part = self._known[told.index] = self._next
        self._next += 1
        events: list[Event] = [PartBegun(0, part, kind, block.id, block.name)]
        piece = block.text or block.thinking or block.data
        if kind == "tool_call" and isinstance(block.input, dict) and block.input:
            piece = _encode(block.input).decode()
        if piece:
            events.append(Delta(0, part, piece))
        if block.signature:
            events.append(Signed(0, part, block.signature))
        return events

    def _delta(self, told: _Event) -> list[Event]:
        part = self._known.get(told.index)
        if part is None or told.delta is None:
            return []
        delta = told.delta
        if delta.signature:
            return [Signed(0, part, delta.signature)]
        piece = delta.text or delta.partial_json or delta.thinking
        return [Delta(0, part, piece)] if piece else []

    def _finish(self, told: _Event) -> list[Event]:
        events: list[Event] = []
        if told.delta is not None and told.delta.stop_reason:
            events.append(Finished(0, read_finish(told.delta.stop_reason), told.delta.stop_sequence or ""))
        self._usage = read_usage(told.usage, self._usage)
        if self._usage is not None:
            events.append(Used(self._usage))
        return events

    def end(self) -> list[Event]:
        """This API says itself when it has ended."""
        return []


def frame(kind: str, body: dict[str, Any]) -> bytes:
    return f"event: {kind}\ndata: ".encode() + _encode({"type": kind, **body}) + b"\n\n"


class MessageWriter:
    """Events of the conversation in, events of this API out; of the first choice only, there are no others here."""

    __slots__ = ("_finish", "_next", "_open", "_sealed", "_stop_sequence", "_usage")

    def __init__(self) -> None:
        self._usage = Usage()
        self._open = ""
        """Kind of the block that is open."""
        self._sealed: list[str] = []
        self._next = 0
        self._finish = ""
        self._stop_sequence = ""

    def write(self, event: Event) -> bytes:
        match event:
            case Delta(choice=0, text=text):
                return self._delta(text)
            case PartBegun(choice=0):
                return self._stop() + self._start(event)
            case PartEnded(choice=0):
                return self._stop()
            case Signed(choice=0, signature=signature) if self._open == "thinking":
                return self._piece({"type": "signature_delta", "signature": signature})
            case Begun():
                return self._begin(event)
            case Finished(choice=0):
                self._finish, self._stop_sequence = event.finish, event.stop_sequence
            case Used(usage=usage):
                self._usage = usage
            case Failed():
                return self.fail(broken_off(event), filtered=False)
            case Ended():
                return self._end()
        return b""

    def _begin(self, event: Begun) -> bytes:
        self._usage = event.usage or self._usage
        message: dict[str, Any] = {
            "id": message_id(event.id),
            "type": "message",
            "role": "assistant",
            "model": event.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": write_usage(self._usage),
        }
        return frame("message_start", {"message": message})

    def _start(self, event: PartBegun) -> bytes:
        self._open = event.kind
        block: dict[str, Any]
        before = b""
        match event.kind:
            case "tool_call":
                if event.signature:
                    before = self._whole(sealed(event.signature))
                block = {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}
            case "thinking":
                block = {"type": "thinking", "thinking": "", "signature": ""}
            case "encrypted":
                # sealed thoughts are told whole, in the start of their block
                self._sealed = []
                return b""
            case _:
                block = {"type": "text", "text": ""}
        return before + frame("content_block_start", {"index": self._next, "content_block": block})

    def _whole(self, block: dict[str, Any]) -> bytes:
        """A block that has no pieces."""
        index = self._next
        self._next += 1
        start = frame("content_block_start", {"index": index, "content_block": block})
        return start + frame("content_block_stop", {"index": index})

    def _delta(self, text: str) -> bytes:
        match self._open:
            case "":
                return b""
            case "encrypted":
                self._sealed.append(text)
                return b""
            case "tool_call":
                return self._piece({"type": "input_json_delta", "partial_json": text})
            case "thinking":
                return self._piece({"type": "thinking_delta", "thinking": text})
        return self._piece({"type": "text_delta", "text": text})

    def _piece(self, delta: dict[str, str]) -> bytes:
        return frame("content_block_delta", {"index": self._next, "delta": delta})

    def _stop(self) -> bytes:
        """Ends the open block, if there is one."""
        if not self._open:
            return b""
        kind, self._open = self._open, ""
        if kind == "encrypted":
            return self._whole({"type": "redacted_thinking", "data": "".join(self._sealed)})
        index = self._next
        self._next += 1
        return frame("content_block_stop", {"index": index})

    def _last(self, reason: str) -> bytes:
        delta = {"stop_reason": reason, "stop_sequence": self._stop_sequence or None}
        return self._stop() + frame("message_delta", {"delta": delta, "usage": write_usage(self._usage)})

    def _end(self) -> bytes:
        return self._last(write_finish(self._finish or "stop")) + frame("message_stop", {})

    def fail(self, error: NexusError, *, filtered: bool) -> bytes:
        return (self._last("refusal") if filtered else b"") + b"event: error\ndata: " + write_error(error) + b"\n\n"
