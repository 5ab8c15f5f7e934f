"""Laws of every codec for conversations: round trips, streams that say what whole answers say, named errors only."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ingress.codecs.anthropic.messages import ANTHROPIC_MESSAGES
from ingress.codecs.codec import ChatCodec, Malformed
from ingress.codecs.gemini.generate import GEMINI_GENERATE
from ingress.codecs.openai.chat import OpenAIChat
from ingress.codecs.openai.responses import OPENAI_RESPONSES
from ingress.codecs.sse import SseParser
from schemas.conversation.answer import Answer, Choice, Delta, Event, Finished, PartBegun, Used
from schemas.conversation.ask import Conversation
from schemas.conversation.parts import Message, Text, ToolCall, ToolResult
from schemas.errors import InvalidRequest, ProviderError
from schemas.facts.traffic import Usage
from tests.unit.ingress.codecs.conversations import USAGES, choices, conversations, streamed

CODECS: list[ChatCodec] = [OpenAIChat(), ANTHROPIC_MESSAGES, GEMINI_GENERATE, OPENAI_RESPONSES]
EACH = pytest.mark.parametrize("codec", CODECS, ids=[codec.name for codec in CODECS])
PAIRS = pytest.mark.parametrize(
    ("one", "other"),
    [(one, other) for one in CODECS for other in CODECS],
    ids=[f"{one.name}-{other.name}" for one in CODECS for other in CODECS],
)
SOME = settings(max_examples=25, deadline=None)
FEW = settings(max_examples=15, deadline=None)
"""For the pairs, of which there are many."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


def sayable(conversation: Conversation, *codecs: ChatCodec) -> Conversation:
    """Without what one of them has no word for."""
    silent = any(codec is OPENAI_RESPONSES for codec in codecs)
    return replace(conversation, stop=()) if silent else conversation


def flat(conversation: Conversation) -> Conversation:
    """Without what is a matter of form: which protocol it came from, where one turn ends and the next begins, and
    whether a result names its function again or a function says that it is not strict."""
    messages: list[Message] = []
    for turn in conversation.messages:
        parts = tuple(replace(part, name="") if isinstance(part, ToolResult) else part for part in turn.parts)
        message = replace(turn, parts=parts)
        if messages and messages[-1].role == message.role:
            messages[-1] = Message(message.role, messages[-1].parts + message.parts)
        else:
            messages.append(message)
    tools = tuple(replace(tool, strict=bool(tool.strict)) for tool in conversation.tools)
    return replace(conversation, origin="", tools=tools, messages=tuple(messages))


@EACH
@SOME
@given(conversation=conversations())
def test_a_request_is_read_as_it_was_written(codec: ChatCodec, conversation: Conversation) -> None:
    conversation = sayable(conversation, codec)
    written = codec.write_request(conversation)
    assert written.dropped == ()
    again = msgspec.json.decode(msgspec.json.encode(written.body))
    assert flat(codec.read_request(again)) == flat(conversation)


@PAIRS
@FEW
@given(conversation=conversations())
def test_a_request_survives_a_crossing(one: ChatCodec, other: ChatCodec, conversation: Conversation) -> None:
    conversation = sayable(conversation, one, other)
    crossed = one.read_request(one.write_request(conversation).body)
    back = other.read_request(other.write_request(crossed).body)
    assert flat(back) == flat(conversation)


@EACH
@SOME
@given(choice=choices(), usage=USAGES)
def test_an_answer_is_read_as_it_was_written(codec: ChatCodec, choice: Choice, usage: Usage) -> None:
    body = codec.write_answer(Answer(id="id1", model="m", created_s=1, choices=(choice,), usage=usage))
    read = codec.read_answer(msgspec.json.encode(body))
    assert read.choices[0].parts == choice.parts
    assert (read.choices[0].finish, read.usage) == (choice.finish, usage)


@EACH
@SOME
@given(choice=choices(), usage=USAGES, size=st.integers(1, 7), cuts=st.lists(st.integers(0, 4_000), max_size=6))
def test_a_stream_says_what_the_answer_says(
    codec: ChatCodec, choice: Choice, usage: Usage, size: int, cuts: list[int]
) -> None:
    writer, reader, parser = codec.writer(include_usage=True), codec.reader(), SseParser()
    data = b"".join(writer.write(event) for event in streamed(choice, usage, size))
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    told: list[Event] = []
    for start, end in itertools.pairwise(edges):
        for event in parser.feed(data[start:end]):
            told += reader.read(event.event.decode(), event.data)
    assert whole(told) == (choice.parts, choice.finish, usage)


def whole(events: list[Event]) -> tuple[object, str, Usage | None]:
    """What a stream came to."""
    begun: dict[int, PartBegun] = {}
    texts: dict[int, str] = {}
    finish, usage = "", None
    for event in events:
        match event:
            case PartBegun():
                begun[event.part], texts[event.part] = event, ""
            case Delta():
                texts[event.part] += event.text
            case Finished():
                finish = event.finish
            case Used():
                usage = event.usage
    parts = tuple(
        ToolCall(part.id, part.name, texts[number] or "{}") if part.kind == "tool_call" else Text(texts[number])
        for number, part in begun.items()
    )
    return parts, finish, usage


@EACH
@SOME
@given(body=st.dictionaries(st.sampled_from(["model", "messages", "tools", "stop", "system", "contents"]), JSON))
def test_reading_a_request_raises_nothing_but_its_error(codec: ChatCodec, body: dict[str, object]) -> None:
    try:
        codec.read_request(body)
    except InvalidRequest as error:
        assert error.message


@EACH
@SOME
@given(raw=st.binary(max_size=60) | JSON.map(msgspec.json.encode))
def test_reading_what_a_provider_sent_raises_nothing_but_malformed(codec: ChatCodec, raw: bytes) -> None:
    assert isinstance(codec.read_error(raw).message, str)
    try:
        codec.read_answer(raw)
    except Malformed as error:
        assert str(error)
    try:
        codec.reader().read("", raw)
    except Malformed as error:
        assert str(error)


@EACH
def test_a_stream_that_fails_ends_with_the_error(codec: ChatCodec) -> None:
    writer, reader, parser = codec.writer(include_usage=False), codec.reader(), SseParser()
    data = b"".join(writer.write(event) for event in streamed(Choice((Text("abc"),)), Usage(1, 1), 9)[:3])
    data += writer.fail(ProviderError("It broke."), filtered=True)
    told = [event for each in parser.feed(data) for event in reader.read(each.event.decode(), each.data)]
    assert [event.message for event in told if hasattr(event, "message")] == ["It broke."]
    assert "content_filter" in [event.finish for event in told if isinstance(event, Finished)]
