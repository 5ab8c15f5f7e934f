"""Streams of OpenAI's chat completions. Source: API reference, "The chat completion chunk object"."""

from __future__ import annotations

from typing import Any

import msgspec

from ingress.codecs.openai.chat_answer import (
    read_finish,
    write_error,
    write_finish,
    write_usage,
)
from ingress.codecs.openai.chunks import Chunk, ChunkReader
from ingress.codecs.openai.parts import text_of, written
from ingress.codecs.told_errors import broken_off
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
from schemas.errors import NexusError
from schemas.facts.traffic import Usage

_encode = msgspec.json.Encoder().encode


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


_chunk = msgspec.json.Decoder(Chunk[_Choice]).decode


class ChatReader(ChunkReader[_Choice]):
    """Chunks in, events out."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        super().__init__(_chunk, "chat completion chunk")
        self._calls: dict[tuple[int, int], tuple[str, int]] = {}
        """(choice, number) -> the id of the call that grows under this number, and how many came before it."""

    def _take(self, events: list[Event], choice: _Choice) -> None:
        growing, index, delta = self._growing, choice.index, choice.delta or _Delta()
        thought = delta.reasoning_content or delta.reasoning
        if thought:
            growing.text(events, index, "thinking", thought)
        if delta.content:
            self._content(events, index, delta.content)
        if delta.refusal:
            growing.text(events, index, "refusal", delta.refusal)
        for at, call in enumerate(delta.tool_calls or ()):
            function = call.function or _Function()
            google = call.extra_content.google if call.extra_content is not None else None
            growing.call(
                events,
                index,
                self._key(index, at if call.index is None else call.index, call),
                call.id or "",
                function.name or "",
                function.arguments or "",
                (google.thought_signature or "") if google is not None else "",
            )
        if choice.logprobs is not None:
            events.append(Logprobs(index, choice.logprobs))
        if choice.finish_reason:
            growing.finish(events, index, read_finish(choice.finish_reason))

    def _key(self, choice: int, number: int, call: _Call) -> str:
        """Tells calls apart; some servers give each of them the number 0, and only its id and name say that it is
        another one."""
        known, before = self._calls.get((choice, number), ("", 0))
        if call.id and call.id != known and call.function is not None and call.function.name:
            before += bool(known)
            self._calls[choice, number] = call.id, before
        return f"tool{number}.{before}"

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
            case Failed():
                return b"data: " + write_error(broken_off(event)) + b"\n\ndata: [DONE]\n\n"
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
