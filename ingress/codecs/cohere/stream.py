"""Streams of Cohere's chat, version 2. Source: Cohere documentation, "A Guide to Streaming Responses"."""

from __future__ import annotations

from typing import Any

import msgspec

from ingress.codecs.codec import Malformed
from ingress.codecs.cohere.answer import read_error, read_finish, read_usage
from ingress.codecs.partial import Growing
from schemas.conversation.answer import Begun, Ended, Event, Failed, Used

_ENDED = Ended()


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    id: str | None = None
    function: _Function | None = None


class _Content(msgspec.Struct):
    text: str | None = None
    thinking: str | None = None


class _Message(msgspec.Struct):
    content: Any = None
    """An object in the events of content; an empty list at the start."""
    tool_calls: Any = None
    tool_plan: str | None = None


class _Delta(msgspec.Struct):
    message: _Message | None = None
    finish_reason: str | None = None
    usage: Any = None
    error: str | None = None


class _Event(msgspec.Struct):
    type: str = ""
    id: str | None = None
    index: int | None = None
    delta: _Delta | None = None


_event = msgspec.json.Decoder(_Event).decode


class CohereReader:
    """Events of this chat in, events of the conversation out."""

    __slots__ = ("_begun", "_growing")

    def __init__(self) -> None:
        self._growing = Growing()
        self._begun = False

    def read(self, event: str, data: bytes) -> list[Event]:
        if data == b"[DONE]":
            return []
        try:
            return self._read(_event(data), data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Malformed("an event of the provider's stream is not one of Cohere's chat") from None

    def _read(self, told: _Event, data: bytes) -> list[Event]:
        events: list[Event] = []
        delta = told.delta or _Delta()
        message = delta.message or _Message()
        match told.type:
            case "message-start":
                if not self._begun:
                    self._begun = True
                    events.append(Begun(told.id or ""))
            case "content-start" | "content-delta":
                content = msgspec.convert(message.content or {}, _Content)
                if content.thinking:
                    self._growing.text(events, 0, "thinking", content.thinking)
                if content.text:
                    self._growing.text(events, 0, "text", content.text)
            case "tool-plan-delta":
                if message.tool_plan:
                    self._growing.text(events, 0, "text", message.tool_plan)
            case "tool-call-start" | "tool-call-delta":
                call = msgspec.convert(message.tool_calls or {}, _Call)
                function = call.function or _Function()
                key = f"tool{told.index or 0}"
                self._growing.call(events, 0, key, call.id or "", function.name or "", function.arguments or "")
            case "content-end" | "tool-call-end":
                self._growing.close(events, 0)
            case "message-end":
                self._end(events, delta)
            case "":
                error = read_error(data)
                if not error.message:
                    raise Malformed("an event of the provider's stream is not one of Cohere's chat")
                events.append(Failed(error.message))
        return events

    def _end(self, events: list[Event], delta: _Delta) -> None:
        if delta.error or delta.finish_reason in ("ERROR", "TIMEOUT"):
            events.append(Failed(delta.error or "", (delta.finish_reason or "").lower()))
            return
        self._growing.finish(events, 0, read_finish(delta.finish_reason or "") or "stop")
        if (usage := read_usage(delta.usage)) is not None:
            events.append(Used(usage))
        events.append(_ENDED)

    def end(self) -> list[Event]:
        """`message-end` ends a stream; without it, not everything was told."""
        return []
