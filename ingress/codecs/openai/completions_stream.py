"""Streams of OpenAI's legacy completions. Source: API reference, "The completion object" (streamed)."""

from __future__ import annotations

import msgspec

from ingress.codecs.openai.chat_answer import read_finish, write_error, write_finish
from ingress.codecs.openai.chunks import Chunk, ChunkReader
from ingress.codecs.told_errors import broken_off
from schemas.conversation.answer import Begun, Delta, Ended, Event, Failed, Finished, PartBegun, Used
from schemas.errors import NexusError
from schemas.facts.traffic import Usage

_encode = msgspec.json.Encoder().encode


class _Choice(msgspec.Struct):
    index: int = 0
    text: str | None = None
    finish_reason: str | None = None


_chunk = msgspec.json.Decoder(Chunk[_Choice]).decode


def written_usage(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


class CompletionReader(ChunkReader[_Choice]):
    """Chunks in, events out."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(_chunk, "completion")

    def _take(self, events: list[Event], choice: _Choice) -> None:
        if choice.text:
            self._growing.text(events, choice.index, "text", choice.text)
        if choice.finish_reason:
            self._growing.finish(events, choice.index, read_finish(choice.finish_reason))


class CompletionWriter:
    """Events in, chunks out. Only texts can be told here."""

    __slots__ = ("_head", "_include_usage", "_told", "_usage")

    def __init__(self, *, include_usage: bool) -> None:
        self._head = b""
        self._include_usage = include_usage
        self._told: set[tuple[int, int]] = set()
        self._usage: Usage | None = None

    def write(self, event: Event) -> bytes:
        match event:
            case Begun():
                stamp = {"id": event.id, "object": "text_completion", "created": event.created_s}
                self._head = b"data: " + _encode({**stamp, "model": event.model})[:-1]
            case PartBegun(choice=choice, part=part, kind=kind):
                if kind in ("text", "refusal"):
                    self._told.add((choice, part))
            case Delta(choice=choice, part=part, text=text):
                return self._chunk(choice, text) if (choice, part) in self._told else b""
            case Finished(choice=choice, finish=finish):
                reason = write_finish(finish)
                return self._chunk(choice, "", "stop" if reason == "tool_calls" else reason)
            case Used(usage=usage):
                self._usage = usage
            case Failed():
                return self.fail(broken_off(event), filtered=False)
            case Ended():
                return self._end()
        return b""

    def _chunk(self, choice: int, text: str, finish: str | None = None) -> bytes:
        written = {"index": choice, "text": text, "logprobs": None, "finish_reason": finish}
        return self._head + b',"choices":[' + _encode(written) + b"]}\n\n"

    def _end(self) -> bytes:
        usage = b""
        if self._include_usage and self._usage is not None:
            usage = self._head + b',"choices":[],"usage":' + _encode(written_usage(self._usage)) + b"}\n\n"
        return usage + b"data: [DONE]\n\n"

    def fail(self, error: NexusError, *, filtered: bool) -> bytes:
        last = self._chunk(0, "", "content_filter") if filtered and self._head else b""
        return last + b"data: " + write_error(error) + b"\n\ndata: [DONE]\n\n"
