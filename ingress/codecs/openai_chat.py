"""OpenAI chat completions where both sides speak them: the fast way, which passes on what it can. Sans-I/O.

Source: the provider's API reference, "Chat completions" (create, object, chunk object).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ingress.codecs.answered import Answered, CrossedAnswer, collected
from ingress.codecs.asked import narrowed
from ingress.codecs.codec import CallerCodec, Encoded, Malformed, ProviderCodec
from ingress.codecs.crowded import refuse_crowd
from ingress.codecs.openai.chat import OpenAIChat
from ingress.codecs.openai.chat_answer import with_thoughts
from ingress.codecs.passage import Stamp
from schemas.errors import InvalidRequest
from schemas.facts.traffic import Usage
from schemas.text import TOOL_ROLES, TextSlot, collect_answer_texts, collect_texts

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

DONE = b"[DONE]"
_OPTIONS = frozenset({"stream_options", "max_tokens", "max_completion_tokens", "n"})
"""Looked at only where there is one of them."""
_NO_TEXT = frozenset({"model", "messages", "stream", "max_tokens", "max_completion_tokens", "n"})
"""Fields that bear no text themselves."""
_TOOLS = frozenset({"tools", "functions"})
"""Fields that cost tokens besides their texts."""
CODEC = OpenAIChat()


class ChatRequest:
    """A decoded request. It is encoded anew for the provider, so that what was screened is exactly what is sent."""

    __slots__ = (
        "body", "choices", "include_usage", "max_output", "messages", "model", "plain", "stream", "turns", "user",
    )  # fmt: skip

    operation = "chat.completions"
    kind = "chat"
    codec: CallerCodec = CODEC
    protocol = CODEC.name
    more_tokens = 0
    opaque = False
    free = False
    keeps_answer = True

    def __init__(self, body: dict[str, Any], *, plain: bool = False) -> None:
        self.body = body
        self.plain = plain
        self.model: str = body["model"]
        self.messages: list[dict[str, Any]] = body["messages"]
        self.turns = len(self.messages)
        self.stream: bool = body.get("stream") is True
        self.include_usage = False
        self.max_output: int | None = None
        self.choices: int = 1
        if not _OPTIONS.isdisjoint(body):
            options = body.get("stream_options")
            self.include_usage = isinstance(options, dict) and options.get("include_usage") is True
            limit = body.get("max_completion_tokens")
            self.max_output = limit if limit is not None else body.get("max_tokens")
            self.choices = body.get("n") or 1
        user = body.get("user")
        self.user: str = user if isinstance(user, str) else ""

    def texts(self) -> list[TextSlot]:
        """Every text-bearing string of the request, in document order."""
        if self.plain:
            return [TextSlot(each, "content", each["content"]) for each in self.messages if each["content"]]
        return collect_texts(self.body)

    def same(self, model: str, max_output: int | None) -> dict[str, Any]:
        """The body for a provider of this format.

        Args:
            model: the provider's name of the model.
            max_output: a tighter limit of output tokens than the caller's own, when money is short; None to leave it.
        """
        body = dict(self.body)
        body["model"] = model
        if self.stream:
            body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
        if max_output is not None:
            body["max_tokens" if "max_tokens" in body else "max_completion_tokens"] = max_output
        return body

    def crossed(self, codec: ProviderCodec, model: str, max_output: int | None) -> Encoded:
        return codec.write_request(narrowed(CODEC.read_request(self.body), model, max_output))

    def answered(self, raw: bytes, codec: ProviderCodec, stamp: Stamp) -> Answered:
        if codec.name == CODEC.name:
            return ChatAnswer(raw)
        return CrossedAnswer(raw, codec, CODEC, stamp)


def parse_request(body: bytes, said: dict[str, Any] | None = None) -> ChatRequest:
    """Reads and checks what Nexus itself needs; everything else is the provider's to judge.

    Args:
        said: what the path says instead of the body, as Azure's names the model.

    Raises:
        InvalidRequest: with the parameter's name where there is one.
        TooLarge: the body is one of too many values.
    """
    try:
        decoded = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest("The body of the request is not valid JSON.", code="invalid_json") from None
    if not isinstance(decoded, dict):
        raise InvalidRequest("The body of the request must be a JSON object.")
    refuse_crowd(body, decoded)
    if said:
        decoded = {**decoded, **said}
    model = decoded.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidRequest("You must provide a model parameter.", param="model")
    if len(model) > 256:
        raise InvalidRequest("The name of the model is too long.", param="model")
    messages = decoded.get("messages")
    if not isinstance(messages, list) or not messages:
        raise InvalidRequest("'messages' must be an array with at least one message.", param="messages")
    # whether the messages are nothing but roles and texts, as most are: then nobody has to walk through them again
    plain = True
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(role := message.get("role"), str):
            raise InvalidRequest("Each message must be an object with a role.", param=f"messages[{index}].role")
        content = message.get("content")
        if isinstance(content, str):
            plain = plain and len(message) == 2 and role not in TOOL_ROLES
            continue
        plain = False
        if content is not None and not isinstance(content, list):
            raise InvalidRequest(
                "The content of a message must be a string or an array.", param=f"messages[{index}].content"
            )
    stream = decoded.get("stream")
    if stream is not None and not isinstance(stream, bool):
        raise InvalidRequest("'stream' must be true or false.", param="stream")
    if not _OPTIONS.isdisjoint(decoded):
        _check_options(decoded)
    if plain and not decoded.keys() <= _NO_TEXT:
        more = decoded.keys() - _NO_TEXT
        plain = more.isdisjoint(_TOOLS) and not any(isinstance(decoded[name], (str, list, dict)) for name in more)
    return ChatRequest(decoded, plain=plain)


def _check_options(decoded: dict[str, Any]) -> None:
    """
    Raises:
        InvalidRequest
    """
    options = decoded.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise InvalidRequest("'stream_options' must be an object.", param="stream_options")
    for name in ("max_tokens", "max_completion_tokens", "n"):
        value = decoded.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise InvalidRequest(f"'{name}' must be an integer of at least 1.", param=name)
    if (decoded.get("n") or 1) > 128:
        raise InvalidRequest("'n' must be at most 128.", param="n")


class _Details(msgspec.Struct):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    total_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class _Choice(msgspec.Struct):
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    usage: _Usage | None = None


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _ToolDelta(msgspec.Struct):
    index: int = 0
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolDelta] | None = None


class _ChunkChoice(msgspec.Struct):
    index: int = 0
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_ChunkChoice] = []
    usage: _Usage | None = None
    error: Any = None
    id: str = ""
    model: str = ""
    created: int = 0


_chunk = msgspec.json.Decoder(_Chunk).decode


def _usage(usage: _Usage | None) -> Usage | None:
    if usage is None or usage.prompt_tokens is None or usage.prompt_tokens < 0:
        return None
    prompt, written = usage.prompt_tokens, usage.completion_tokens or 0
    reading, writing = usage.prompt_tokens_details, usage.completion_tokens_details
    cached = (reading and reading.cached_tokens) or usage.cached_tokens or 0
    thought = (writing and writing.reasoning_tokens) or 0
    if written < 0 or cached < 0 or thought < 0:
        # nobody can have used less than nothing; to ask `max` of every answer takes half of all this
        written, cached, thought = max(0, written), max(0, cached), max(0, thought)
    if thought or usage.reasoning_tokens:
        written, thought = with_thoughts(prompt, written, usage.total_tokens or 0, thought, usage.reasoning_tokens or 0)
    return Usage(prompt, written, cached, thought)


class ChatAnswer:
    """A provider's whole answer. `raw` is what it sent; decoded once, for its texts and for what it says of itself."""

    __slots__ = ("_body", "finish_reason", "raw", "usage")

    def __init__(self, raw: bytes) -> None:
        try:
            self._body: dict[str, Any] = _decode(raw)
            completion = msgspec.convert(self._body, _Completion)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Malformed("the provider's answer is not a chat completion") from None
        self.raw = raw
        self.usage = _usage(completion.usage)
        self.finish_reason = (completion.choices[0].finish_reason or "") if completion.choices else ""

    def decoded(self) -> tuple[dict[str, Any], list[TextSlot]]:
        """The body and its texts: content, refusals, tool names and arguments of every choice."""
        return self._body, collected(self._body, collect_answer_texts)


class StreamChunk(msgspec.Struct, frozen=True):
    """What one event of a stream says, as far as Nexus looks."""

    texts: tuple[tuple[str, str], ...] = ()
    """(lane, piece): pieces of one lane follow each other to make one text."""
    finish_reason: str = ""
    usage: Usage | None = None
    usage_only: bool = False
    """The extra chunk that exists because usage was asked for."""
    error: bool = False
    done: bool = False


_NOTHING = StreamChunk()
_END_OF_STREAM = StreamChunk(done=True)


def parse_chunk(data: bytes) -> StreamChunk:
    """Reads the data of one event.

    Raises:
        Malformed: not a chunk of this format.
    """
    if data == DONE:
        return _END_OF_STREAM
    try:
        chunk = _chunk(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Malformed("an event of the provider's stream is not a chat completion chunk") from None
    if chunk.error is not None:
        return StreamChunk(error=True)
    usage = _usage(chunk.usage)
    if not chunk.choices:
        return StreamChunk(usage=usage, usage_only=True) if usage is not None else _NOTHING
    finish = ""
    texts: list[tuple[str, str]] = []
    for choice in chunk.choices:
        if choice.finish_reason:
            finish = choice.finish_reason
        if choice.delta is not None:
            texts.extend(_pieces(choice.index, choice.delta))
    return StreamChunk(tuple(texts), finish, usage)


def _pieces(index: int, delta: _Delta) -> Iterator[tuple[str, str]]:
    if delta.content:
        yield f"{index}", delta.content
    if delta.refusal:
        yield f"{index}.refusal", delta.refusal
    for call in delta.tool_calls or ():
        if call.function is not None:
            if call.function.name:
                yield f"{index}.tool{call.index}.name", call.function.name
            if call.function.arguments:
                yield f"{index}.tool{call.index}", call.function.arguments


def encode_body(body: dict[str, Any]) -> bytes:
    return _encode(body)
