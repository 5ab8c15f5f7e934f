"""Streams of OpenAI's Responses API. Source: API reference, "Streaming events"."""

from __future__ import annotations

from typing import Any

import msgspec

from ingress.codecs.codec import Malformed
from ingress.codecs.fields import Fields, decode_json
from ingress.codecs.openai.responses_answer import (
    call_item,
    ended,
    head,
    message_item,
    read_finish,
    read_usage,
    reasoning_item,
    response_id,
    write_usage,
    written_content,
)
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
    Used,
)
from schemas.conversation.parts import Refusal, Text
from schemas.errors import InvalidRequest, NexusError
from schemas.facts.traffic import Usage

_encode = msgspec.json.Encoder().encode
_KINDS = {"output_text": "text", "refusal": "refusal"}


class ResponseReader:
    """Events of this API in, events of the conversation out."""

    __slots__ = ("_called", "_next", "_open")

    def __init__(self) -> None:
        self._open: int | None = None
        self._next = 0
        self._called = False

    def read(self, event: str, data: bytes) -> list[Event]:
        try:
            body = decode_json(data)
            fields = Fields(body)
            return self._read(fields.string("type"), fields)
        except (ValueError, InvalidRequest):
            raise Malformed("an event of the provider's stream is not one of a response") from None

    def _read(self, kind: str, fields: Fields) -> list[Event]:
        match kind:
            case (
                "response.output_text.delta"
                | "response.refusal.delta"
                | "response.function_call_arguments.delta"
                | "response.reasoning_summary_text.delta"
            ):
                text = fields.string("delta")
                return [Delta(0, self._open, text)] if self._open is not None and text else []
            case "response.created":
                response = Fields(fields.any("response"))
                created = int(response.number("created_at") or 0)
                return [Begun(response.string("id"), response.string("model"), created)]
            case "response.content_part.added":
                part = Fields(fields.any("part"))
                found = _KINDS.get(part.string("type"))
                return [] if found is None else self._begin(found)
            case "response.output_item.added":
                return self._item(Fields(fields.any("item")))
            case "response.output_item.done":
                return self._close(Fields(fields.any("item")))
            case "response.content_part.done":
                return self._end_part()
            case "response.completed" | "response.incomplete" | "response.failed":
                return self._finish(kind, Fields(fields.any("response")))
            case "error":
                return [Failed(fields.string("message"), fields.string("code"))]
        return []

    def _begin(self, kind: str, id: str = "", name: str = "") -> list[Event]:
        events = self._end_part()
        self._open = self._next
        self._next += 1
        return [*events, PartBegun(0, self._open, kind, id, name)]

    def _item(self, item: Fields) -> list[Event]:
        match item.string("type"):
            case "function_call":
                self._called = True
                return self._begin("tool_call", item.string("call_id"), item.string("name"))
            case "reasoning":
                return self._begin("thinking", item.string("id"))
        return []

    def _close(self, item: Fields) -> list[Event]:
        events = self._end_part()
        sealed = item.string("encrypted_content") if item.string("type") == "reasoning" else ""
        if sealed:
            events += self._begin("encrypted", item.string("id"))
            events += [Delta(0, self._next - 1, sealed), *self._end_part()]
        return events

    def _end_part(self) -> list[Event]:
        part, self._open = self._open, None
        return [] if part is None else [PartEnded(0, part)]

    def _finish(self, kind: str, response: Fields) -> list[Event]:
        events = self._end_part()
        if kind == "response.failed":
            error = response.inner("error")
            message, code = ("", "") if error is None else (error.string("message"), error.string("code"))
            return [*events, Failed(message, code)]
        events.append(Finished(0, read_finish(response, called=self._called)))
        usage = read_usage(response.any("usage"))
        if usage is not None:
            events.append(Used(usage))
        return [*events, Ended()]

    def end(self) -> list[Event]:
        """This API says itself when it has ended."""
        return []


class ResponseWriter:
    """Events of the conversation in, events of this API out. Each says its number; the last one repeats the whole."""

    __slots__ = ("_begun", "_finish", "_id", "_items", "_kind", "_number", "_part", "_pieces", "_usage")

    def __init__(self) -> None:
        self._begun: dict[str, Any] = head("", "", 0, "in_progress")
        self._id = ""
        self._items: list[dict[str, Any]] = []
        """Of the output, whole; the open one is the last."""
        self._kind = ""
        self._part: PartBegun | None = None
        self._pieces: list[str] = []
        self._number = 0
        self._usage: Usage | None = None
        self._finish = ""

    def write(self, event: Event) -> bytes:
        match event:
            case Delta(choice=0, text=text):
                self._pieces.append(text)
                return self._delta(text)
            case PartBegun(choice=0):
                return self._end_part() + self._start(event)
            case PartEnded(choice=0):
                return self._end_part()
            case Begun():
                self._id = response_id(event.id).removeprefix("resp_")
                self._begun = head(event.id, event.model, event.created_s, "in_progress")
                told = {"response": self._begun}
                return self._frame("response.created", told) + self._frame("response.in_progress", told)
            case Finished(choice=0, finish=finish):
                self._finish = finish
            case Used(usage=usage):
                self._usage = usage
            case Failed():
                return self.fail(broken_off(event), filtered=False)
            case Ended():
                return self._last(self._finish or "stop")
        return b""

    def _frame(self, kind: str, body: dict[str, Any]) -> bytes:
        told = {"type": kind, "sequence_number": self._number, **body}
        self._number += 1
        return f"event: {kind}\ndata: ".encode() + _encode(told) + b"\n\n"

    def _where(self) -> dict[str, Any]:
        return {"item_id": self._items[-1]["id"], "output_index": len(self._items) - 1}

    def _start(self, event: PartBegun) -> bytes:
        self._part, self._kind, self._pieces = event, event.kind, []
        name = f"{self._id}_{len(self._items)}"
        match event.kind:
            case "tool_call":
                return self._add(call_item(name, event.id, event.name, "", "in_progress"))
            case "thinking" | "encrypted":
                out = self._add(reasoning_item(event.id or f"rs_{name}", "", ""))
                if event.kind == "encrypted":
                    return out
                part = {"summary_index": 0, "part": {"type": "summary_text", "text": ""}}
                return out + self._frame("response.reasoning_summary_part.added", {**self._where(), **part})
        out = self._add(message_item(name, [], "in_progress"))
        part = {"content_index": 0, "part": self._content("")}
        return out + self._frame("response.content_part.added", {**self._where(), **part})

    def _add(self, item: dict[str, Any]) -> bytes:
        self._items.append(item)
        return self._frame("response.output_item.added", {"output_index": len(self._items) - 1, "item": item})

    def _content(self, text: str) -> dict[str, Any]:
        return written_content(Refusal(text) if self._kind == "refusal" else Text(text))

    def _delta(self, text: str) -> bytes:
        match self._kind:
            case "":
                return b""
            case "tool_call":
                return self._frame("response.function_call_arguments.delta", {**self._where(), "delta": text})
            case "thinking":
                delta = {"summary_index": 0, "delta": text}
                return self._frame("response.reasoning_summary_text.delta", {**self._where(), **delta})
            case "encrypted":
                return b""
            case "refusal":
                return self._frame("response.refusal.delta", {**self._where(), "content_index": 0, "delta": text})
        delta = {"content_index": 0, "delta": text, "logprobs": []}
        return self._frame("response.output_text.delta", {**self._where(), **delta})

    def _end_part(self) -> bytes:
        """Tells the open part whole, then its item."""
        part, self._part = self._part, None
        if part is None:
            return b""
        text, where = "".join(self._pieces), self._where()
        item = self._items[-1]
        out = b""
        match part.kind:
            case "tool_call":
                text = text or "{}"
                item = call_item(item["id"].removeprefix("fc_"), part.id, part.name, text)
                done = {"arguments": text, "name": part.name}
                out = self._frame("response.function_call_arguments.done", {**where, **done})
            case "thinking":
                item = reasoning_item(item["id"], text, "")
                summary = {"summary_index": 0, "part": {"type": "summary_text", "text": text}}
                out = self._frame("response.reasoning_summary_text.done", {**where, "summary_index": 0, "text": text})
                out += self._frame("response.reasoning_summary_part.done", {**where, **summary})
            case "encrypted":
                item = reasoning_item(item["id"], "", text)
            case _:
                content = self._content(text)
                item = message_item(item["id"].removeprefix("msg_"), [content])
                name = "refusal" if part.kind == "refusal" else "text"
                kind = "response.refusal.done" if part.kind == "refusal" else "response.output_text.done"
                told = {"content_index": 0, name: text}
                if part.kind != "refusal":
                    told["logprobs"] = []
                out = self._frame(kind, {**where, **told})
                out += self._frame("response.content_part.done", {**where, "content_index": 0, "part": content})
        self._items[-1] = item
        self._kind = ""
        index = len(self._items) - 1
        return out + self._frame("response.output_item.done", {"output_index": index, "item": item})

    def _last(self, finish: str) -> bytes:
        out = self._end_part()
        status, missing = ended(finish)
        response = {**self._begun, "status": status, "incomplete_details": missing, "output": self._items}
        if self._usage is not None:
            response["usage"] = write_usage(self._usage)
        return out + self._frame(f"response.{status}", {"response": response})

    def fail(self, error: NexusError, *, filtered: bool) -> bytes:
        out = self._last("content_filter") if filtered else self._end_part()
        told = {"code": error.error_code, "message": error.message, "param": error.param}
        return out + self._frame("error", told)
