"""Streams of OpenAI's chat completions. Source: API reference, "The chat completion chunk object"."""

from __future__ import annotations

from typing import Any

import msgspec

from ingress.codecs.codec import Malformed
from ingress.codecs.openai.chat_answer import (
    read_error,
    read_finish,
    read_usage,
    write_error,
    write_finish,
    write_usage,
)
from ingress.codecs.openai.parts import text_of, written
from ingress.codecs.partial import Growing
from schemas.conversation.answer import (
    Begun,
    Delta,
    Ended,
    Event,
    Failed,
    Finished,
    Logprobs,
    PartBegun,
    PartEnded,
    Signed,
    Used,
)
from schemas.errors import NexusError, ProviderError
from schemas.facts.traffic import Usage

_encode = msgspec.json.Encoder().encode
_ENDED = Ended()


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Google(msgspec.Struct):
    thought_signature: str | None = None


class _Extra(msgspec.Struct):
    google: _Google | None = None


class _Call(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None
    extra_content: _Extra | None = None


class _Delta(msgspec.Struct):
    content: Any = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Delta | None = None
    finish_reason: str | None = None
    logprobs: Any = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None
    id: str | None = None
    model: str | None = None
    created: int | float | None = None


_chunk = msgspec.json.Decoder(_Chunk).decode


class ChatReader:
    """Chunks in, events out."""

    __slots__ = ("_begun", "_growing")

    def __init__(self) -> None:
        self._growing = Growing()
        self._begun = False

    def read(self, event: str, data: bytes) -> list[Event]:
        if data == b"[DONE]":
            return [_ENDED]
        try:
            chunk = _chunk(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Malformed("an event of the provider's stream is not a chat completion chunk") from None
        if chunk.error is not None:
            told = read_error(data)
            return [Failed(told.message, told.code)]
        events: list[Event] = []
        if not self._begun:
            self._begun = True
            events.append(Begun(chunk.id or "", chunk.model or "", int(chunk.created or 0)))
        for choice in chunk.choices or ():
            if choice.delta is not None:
                self._take(events, choice.index, choice.delta)
            if choice.logprobs is not None:
                events.append(Logprobs(choice.index, choice.logprobs))
            if choice.finish_reason:
                self._growing.finish(events, choice.index, read_finish(choice.finish_reason))
        if chunk.usage is not None and (usage := read_usage(chunk.usage)) is not None:
            events.append(Used(usage))
        return events

    def _take(self, events: list[Event], choice: int, delta: _Delta) -> None:
        growing = self._growing
        thought = delta.reasoning_content or delta.reasoning
        if thought:
            growing.text(events, choice, "thinking", thought)
        if delta.content:
            self._content(events, choice, delta.content)
        if delta.refusal:
            growing.text(events, choice, "refusal", delta.refusal)
        for at, call in enumerate(delta.tool_calls or ()):
            function = call.function or _Function()
            google = call.extra_content.google if call.extra_content is not None else None
            growing.call(
                events,
                choice,
                f"tool{at if call.index is None else call.index}",
                call.id or "",
                function.name or "",
                function.arguments or "",
                (google.thought_signature or "") if google is not None else "",
            )

    def _content(self, events: list[Event], choice: int, content: Any) -> None:
        if isinstance(content, str):
            self._growing.text(events, choice, "text", content)
            return
        for piece in content if isinstance(content, list) else ():
            if not isinstance(piece, dict):
                continue
            if piece.get("type") == "text" and isinstance(piece.get("text"), str):
                self._growing.text(events, choice, "text", piece["text"])
            elif piece.get("type") == "thinking":
                self._thought(events, choice, piece)

    def _thought(self, events: list[Event], choice: int, piece: dict[str, Any]) -> None:
        growing = self._growing
        if thought := text_of(piece):
            growing.text(events, choice, "thinking", thought)
        if isinstance(signature := piece.get("signature"), str) and signature:
            part = growing.open_part(choice, "thinking")
            if part is None:
                part = growing.begin(events, choice, "thinking", "thinking")
            events.append(Signed(choice, part, signature))

    def end(self) -> list[Event]:
        """A stream of this format ends with `[DONE]`; one without has said all when its choices have finished."""
        return [_ENDED] if self._growing.finished else []


class ChatWriter:
    """Events in, chunks out."""

    __slots__ = ("_calls", "_head", "_include_usage", "_kinds", "_next_call", "_opened", "_parts", "_usage", "_whole")

    def __init__(self, *, include_usage: bool, parts: bool = False) -> None:
        """
        Args:
            parts: whether thoughts go among the parts of a content, and calls of tools come whole, as who speaks so
                wants them.
        """
        self._include_usage = include_usage
        self._parts = parts
        self._whole: dict[tuple[int, int], tuple[PartBegun, list[str]]] = {}
        """Calls that are not whole yet."""
        self._head = b""
        self._kinds: dict[tuple[int, int], str] = {}
        self._calls: dict[tuple[int, int], int] = {}
        """(choice, part) -> index among the choice's tool calls."""
        self._next_call: dict[int, int] = {}
        self._opened: set[int] = set()
        self._usage: Usage | None = None

    def write(self, event: Event) -> bytes:
        match event:
            case Delta(choice=choice, part=part, text=text):
                return self._delta(choice, part, text)
            case Begun():
                stamp = {"id": event.id, "object": "chat.completion.chunk", "created": event.created_s}
                self._head = b"data: " + _encode({**stamp, "model": event.model})[:-1]
            case PartBegun():
                return self._begin(event)
            case Signed(choice=choice, signature=signature) if self._parts:
                return self._chunk(choice, {"content": [written("", signature)]})
            case Signed(choice=choice, part=part, signature=signature):
                detail = {"type": "reasoning.text", "signature": signature, "index": part}
                return self._chunk(choice, {"reasoning_details": [detail]})
            case Logprobs(choice=choice, logprobs=logprobs):
                return self._chunk(choice, {}, logprobs=logprobs)
            case Finished(choice=choice, finish=finish):
                return self._chunk(choice, {}, finish=write_finish(finish))
            case Used(usage=usage):
                self._usage = usage
            case Failed(message=message, code=code):
                error = ProviderError(message or "The provider broke off the answer.", code=code or None)
                return b"data: " + write_error(error) + b"\n\ndata: [DONE]\n\n"
            case Ended():
                return self._end()
            case PartEnded(choice=choice, part=part) if (choice, part) in self._whole:
                begun, pieces = self._whole.pop((choice, part))
                return self._call(begun, "".join(pieces))
            case PartEnded():
                pass
        return b""

    def _delta(self, choice: int, part: int, text: str) -> bytes:
        kind = self._kinds.get((choice, part), "text")
        match kind:
            case "text":
                return self._chunk(choice, {"content": text})
            case "thinking":
                return self._chunk(choice, {"content": [written(text)]} if self._parts else {"reasoning_content": text})
            case "refusal":
                return self._chunk(choice, {"refusal": text})
            case "encrypted" if self._parts:
                return b""
            case "encrypted":
                detail = {"type": "reasoning.encrypted", "data": text, "index": part}
                return self._chunk(choice, {"reasoning_details": [detail]})
        if self._parts:
            self._whole[choice, part][1].append(text)
            return b""
        call = {"index": self._calls[(choice, part)], "function": {"arguments": text}}
        return self._chunk(choice, {"tool_calls": [call]})

    def _begin(self, event: PartBegun) -> bytes:
        key = (event.choice, event.part)
        self._kinds[key] = event.kind
        if event.kind != "tool_call":
            return b""
        if self._parts:
            self._whole[key] = (event, [])
            return b""
        return self._call(event, "")

    def _call(self, event: PartBegun, arguments: str) -> bytes:
        key = (event.choice, event.part)
        index = self._next_call.get(event.choice, 0)
        self._next_call[event.choice] = index + 1
        self._calls[key] = index
        call: dict[str, Any] = {
            "index": index,
            "id": event.id,
            "type": "function",
            "function": {"name": event.name, "arguments": arguments},
        }
        if event.signature:
            call["extra_content"] = {"google": {"thought_signature": event.signature}}
        return self._chunk(event.choice, {"tool_calls": [call]})

    def _chunk(self, choice: int, delta: dict[str, Any], finish: str | None = None, logprobs: Any = None) -> bytes:
        if choice not in self._opened:
            self._opened.add(choice)
            delta = {"role": "assistant", "content": None, **delta}
        written: dict[str, Any] = {"index": choice, "delta": delta, "finish_reason": finish}
        if logprobs is not None:
            written["logprobs"] = logprobs
        return self._head + b',"choices":[' + _encode(written) + b"]}\n\n"

    def _end(self) -> bytes:
        usage = b""
        if self._include_usage and self._usage is not None:
            usage = self._head + b',"choices":[],"usage":' + _encode(write_usage(self._usage)) + b"}\n\n"
        return usage + b"data: [DONE]\n\n"

    def fail(self, error: NexusError, *, filtered: bool) -> bytes:
        last = self._chunk(0, {}, finish="content_filter") if filtered and self._head else b""
        return last + b"data: " + write_error(error) + b"\n\ndata: [DONE]\n\n"
