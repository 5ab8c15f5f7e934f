"""MiniMax as a codec over OpenAI's chat. Source: MiniMax API reference, "Text Generation" (chatcompletion_v2)."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from ingress.codecs.codec import Encoded, ErrorTold, EventReader, ToldError
from ingress.codecs.losses import Losses
from ingress.codecs.openai.chat import OpenAIChat
from ingress.codecs.openai.kin import only_auto, only_pictures, plain_roles, without
from schemas.conversation.answer import Answer, Event, Failed
from schemas.conversation.ask import Conversation

NAME = "minimax"
OWN = ("mask_sensitive_info",)
"""Fields of this provider that callers of OpenAI's format may add."""
_UNKNOWN = (
    "parallel_tool_calls", "reasoning", "frequency_penalty", "presence_penalty", "seed", "stop", "n", "logprobs",
    "top_logprobs", "user", "metadata", "service_tier", "safety", "top_k",
)  # fmt: skip
STATUSES = {
    1000: 500, 1001: 504, 1002: 429, 1004: 401, 1008: 402, 1013: 500, 1024: 500, 1026: 400, 1027: 400, 1033: 502,
    1039: 429, 1041: 429, 1042: 400, 2013: 400, 2045: 429, 2049: 401, 2056: 402,
}  # fmt: skip
"""What others say by the status of HTTP, by MiniMax's own code. Source: MiniMax API reference, "Error Codes", without
what is said of voices; 1013 stands in its references of files alone."""
_OTHER = 502
_MEANT = dict.fromkeys(("1026", "1027"), "content_filter")
_LEAST = 0.01
"""Temperatures and shares begin above 0 here."""


class _Resp(msgspec.Struct):
    status_code: int = 0
    status_msg: str = ""


class _Told(msgspec.Struct):
    base_resp: _Resp | None = None


_told = msgspec.json.Decoder(_Told).decode


class MinimaxChat:
    """See `ingress.codecs.codec.ProviderCodec`. Earlier thoughts are sent back, as this provider wants them."""

    name = NAME

    def __init__(self) -> None:
        self._openai = OpenAIChat(thinking=True)

    def write_request(self, conversation: Conversation) -> Encoded:
        losses = Losses()
        asked = without(conversation, losses, *_UNKNOWN, own=OWN)
        asked = only_auto(only_pictures(plain_roles(asked), losses), losses)
        if asked.format is not None and asked.format.kind == "json":
            losses.drop("format.json_object")
            asked = replace(asked, format=None)
        if asked.format is not None and asked.format.strict is not None:
            losses.drop("format.strict")
            asked = replace(asked, format=replace(asked.format, strict=None))
        if any(tool.strict for tool in asked.tools):
            losses.drop("tools.strict")
        asked = replace(
            asked,
            temperature=_share(asked.temperature, "temperature", losses),
            top_p=_share(asked.top_p, "top_p", losses),
            tools=tuple(replace(tool, strict=None, parameters=tool.parameters or {}) for tool in asked.tools),
        )
        written = self._openai.write_request(asked)
        # every tool has a description here, and every message a content
        for tool in written.body.get("tools", ()):
            tool["function"].setdefault("description", tool["function"]["name"])
        for message in written.body["messages"]:
            if message["content"] is None:
                message["content"] = ""
        for name in written.dropped:
            losses.drop(name)
        return Encoded(written.body, losses.names())

    def read_answer(self, raw: bytes) -> Answer:
        told = refused(raw)
        if told is not None:
            raise ToldError(told)
        return self._openai.read_answer(raw)

    def reader(self) -> EventReader:
        return MinimaxReader(self._openai.reader())

    def read_error(self, body: bytes) -> ErrorTold:
        told = refused(body) or self._openai.read_error(body)
        return replace(told, code=_MEANT.get(told.code, told.code))


class MinimaxReader:
    """OpenAI's chunks, the last of them once more with the whole answer, and errors in `base_resp`."""

    __slots__ = ("_inner",)

    def __init__(self, inner: EventReader) -> None:
        self._inner = inner

    def read(self, event: str, data: bytes) -> list[Event]:
        if b'"base_resp"' in data and (told := refused(data)) is not None:
            return [Failed(told.message, told.code)]
        return self._inner.read(event, data)

    def end(self) -> list[Event]:
        return self._inner.end()


def refused(raw: bytes) -> ErrorTold | None:
    """The error in `base_resp`, which comes under the status 200; None where all went well."""
    resp = _resp(raw)
    if resp is None:
        return None
    return ErrorTold(resp.status_msg[:2_000], str(resp.status_code))


def _resp(raw: bytes) -> _Resp | None:
    """What is told of an error by an answer, or by the first piece of a stream."""
    if raw.startswith(b"data:"):
        raw = raw.partition(b"\n")[0].removeprefix(b"data:")
    try:
        resp = _told(raw).base_resp
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return resp if resp is not None and resp.status_code else None


def status_of(raw: bytes) -> int:
    """The status that an answer under 200 should have come under; 0 where all went well, or nothing says otherwise.

    Args:
        raw: an answer, or the first piece of a stream.
    """
    if b'"base_resp"' not in raw:
        return 0
    resp = _resp(raw)
    return 0 if resp is None else STATUSES.get(resp.status_code, _OTHER)


def _share(value: float | None, name: str, losses: Losses) -> float | None:
    if value is None or 0 < value <= 1:
        return value
    losses.drop(name)
    return min(max(value, _LEAST), 1.0)
