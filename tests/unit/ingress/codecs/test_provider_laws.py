"""Laws of the codecs that only providers speak: requests they would take, answers and streams that say the same."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ingress.codecs.aws_events import AwsEventParser
from ingress.codecs.codec import Malformed, ProviderCodec
from ingress.codecs.registry import CHAT, IN_PATH
from ingress.codecs.sse import SseParser
from schemas.conversation.answer import Choice, Event
from schemas.conversation.ask import Conversation
from schemas.conversation.parts import Audio, File, Format, Image, Message, Reasoning, Text, Thinking, ToolChoice
from schemas.facts.traffic import Usage
from tests.unit.ingress.codecs.conversations import NAMES, SCHEMAS, USAGES, WORDS, choices, conversations
from tests.unit.ingress.codecs.playing import PLAYED
from tests.unit.ingress.codecs.strict import STRICT, check
from tests.unit.ingress.codecs.test_laws import JSON, whole

SOME = settings(max_examples=25, deadline=None)
EACH = pytest.mark.parametrize("codec", [CHAT[name] for name in STRICT], ids=list(STRICT))
TELLING = pytest.mark.parametrize("codec", [CHAT[name] for name in PLAYED], ids=list(PLAYED))
MODELS = st.sampled_from(
    ["anthropic.claude-sonnet-4-5-v1:0", "amazon.nova-2-lite-v1:0", "openai.gpt-oss-120b-1:0", "m"]
)
PARTS = st.one_of(
    st.builds(Text, WORDS, st.booleans()),
    st.builds(File, text=WORDS, name=WORDS),
    st.builds(File, data=st.just("aGVsbG8="), media_type=st.just("application/pdf"), name=WORDS),
    st.builds(Image, url=st.sampled_from(["https://example.com/a.png", "s3://bucket/a.jpg"])),
    st.builds(Audio, data=st.just("aGVsbG8="), format=st.just("wav")),
)
THOUGHTS = st.builds(Thinking, WORDS, st.sampled_from(["", "c2ln"])) | st.builds(Thinking, encrypted=st.just("c2Vh"))
PENALTIES = st.none() | st.sampled_from([-2.0, 0.0, 0.5, 2.0])


@st.composite
def wide(draw: st.DrawFn) -> Conversation:
    """What callers may say, all of it: also what some provider has no word for."""
    asked = draw(conversations())
    said = Message("assistant", (*draw(st.lists(THOUGHTS, max_size=2)), Text("Yes.")))
    last = Message("user", (*draw(st.lists(PARTS, max_size=3)), Text("And now?")), draw(st.sampled_from(["", "ann"])))
    choice = draw(st.sampled_from(["auto", "named", "none", "required"]))
    forms = st.sampled_from(
        [None, Format("text"), Format("json"), Format("schema", "form", {"type": "object"}, "d", True)]
    )
    return replace(
        asked,
        model=draw(MODELS),
        messages=(*asked.messages, said, Message("developer", (Text("Be brief."),)), last),
        tools=tuple(
            replace(tool, strict=draw(st.none() | st.booleans()), cache=draw(st.booleans())) for tool in asked.tools
        ),
        tool_choice=ToolChoice(choice, asked.tools[0].name if choice == "named" else "") if asked.tools else None,
        format=draw(forms),
        reasoning=draw(
            st.none()
            | st.builds(Reasoning, st.sampled_from(["none", "low", "high", "max", "strange"]))
            | st.builds(Reasoning, budget_tokens=st.integers(1, 40_000))
        ),
        max_output=draw(st.none() | st.integers(1, 9_000)),
        temperature=draw(st.none() | st.sampled_from([0.0, 0.7, 1.0, 2.0])),
        top_p=draw(st.none() | st.sampled_from([0.0, 0.5, 1.0])),
        top_k=draw(st.none() | st.integers(1, 900)),
        frequency_penalty=draw(PENALTIES),
        presence_penalty=draw(PENALTIES),
        seed=draw(st.none() | st.integers(0, 99)),
        stop=tuple(draw(st.lists(WORDS, max_size=7))),
        n=draw(st.none() | st.integers(1, 3)),
        user=draw(st.just("") | NAMES),
        metadata=draw(st.none() | st.dictionaries(NAMES, WORDS, max_size=2)),
        service_tier=draw(st.sampled_from(["", "auto", "flex"])),
        parallel_tool_calls=draw(st.none() | st.booleans()),
        origin="openai_chat",
        other=draw(st.dictionaries(st.sampled_from(["logit_bias", "store", "prediction"]), SCHEMAS, max_size=2)),
    )


@EACH
@SOME
@given(asked=wide())
def test_a_request_is_one_that_the_provider_takes(codec: ProviderCodec, asked: Conversation) -> None:
    written = codec.write_request(asked)
    assert written.body["model"] == asked.model
    assert bool(written.body.get("stream")) is asked.stream
    check(codec.name, written.body, IN_PATH.get(codec.name, ()))
    assert len(written.dropped) == len(set(written.dropped))
    assert set(asked.other) <= set(written.dropped), "what only another provider knows is not sent, and is named"


@EACH
@SOME
@given(asked=conversations())
def test_no_text_is_lost_without_a_word(codec: ProviderCodec, asked: Conversation) -> None:
    written = codec.write_request(asked)
    sent = "\n".join(_strings(written.body))
    for message in asked.messages:
        for part in message.parts:
            if isinstance(part, Text) and part.text not in sent:
                assert "text.blank" in written.dropped
                assert not part.text.strip()


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in _strings(each)]


@TELLING
@SOME
@given(choice=choices(), usage=USAGES)
def test_an_answer_is_read(codec: ProviderCodec, choice: Choice, usage: Usage) -> None:
    answer = codec.read_answer(msgspec.json.encode(PLAYED[codec.name][0](choice, usage)))
    assert answer.choices[0].parts == choice.parts
    assert (answer.choices[0].finish, answer.usage) == (choice.finish, usage)


@TELLING
@SOME
@given(choice=choices(), usage=USAGES, size=st.integers(1, 7), cuts=st.lists(st.integers(0, 4_000), max_size=6))
def test_a_stream_says_what_the_answer_says(
    codec: ProviderCodec, choice: Choice, usage: Usage, size: int, cuts: list[int]
) -> None:
    data = PLAYED[codec.name][1](choice, usage, size)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    told = events_of(codec, [data[start:end] for start, end in itertools.pairwise(edges)])
    assert whole(told) == (choice.parts, choice.finish, usage)
    assert told == events_of(codec, [data])


def events_of(codec: ProviderCodec, chunks: list[bytes]) -> list[Event]:
    parser = AwsEventParser() if codec.name == "bedrock" else SseParser()
    reader = codec.reader()
    told = [
        event
        for chunk in chunks
        for each in parser.feed(chunk)
        for event in reader.read(each.event.decode(), each.data)
    ]
    return [*told, *reader.end()]


@EACH
@SOME
@given(
    raw=st.binary(max_size=60) | JSON.map(msgspec.json.encode),
    event=st.sampled_from(["", "contentBlockDelta", "contentBlockStart", "metadata", "messageStop", "output", "done"]),
)
def test_reading_what_a_provider_sent_raises_nothing_but_malformed(
    codec: ProviderCodec, raw: bytes, event: str
) -> None:
    assert isinstance(codec.read_error(raw).message, str)
    try:
        codec.read_answer(raw)
    except Malformed as error:
        assert str(error)
    try:
        codec.reader().read(event, raw)
    except Malformed as error:
        assert str(error)


FORMS: dict[str, list[str]] = {
    "bedrock": ["output", "message", "content", "stopReason", "usage", "text", "toolUse", "input", "delta", "start"],
    "cohere": ["type", "delta", "message", "content", "tool_calls", "function", "finish_reason", "usage", "index"],
    "minimax": ["base_resp", "status_code", "choices", "delta", "message", "usage"],
    "glm": ["choices", "message", "finish_reason", "usage", "request_id"],
    "replicate": ["status", "output", "urls", "get", "stream", "metrics", "input_token_count", "error"],
}
VALUES = st.sampled_from(["", "a", "succeeded", "content-delta", "message-end", 0, -1, 2**63, 1.5, True, None])


@EACH
@SOME
@given(data=st.data())
def test_answers_of_nearly_the_right_form_raise_nothing_else_either(codec: ProviderCodec, data: st.DataObject) -> None:
    names = st.sampled_from(FORMS[codec.name])
    tree = st.recursive(
        VALUES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=4), max_leaves=12
    )
    raw = msgspec.json.encode(data.draw(st.dictionaries(names, tree, min_size=1, max_size=5)))
    event = data.draw(st.sampled_from(["contentBlockDelta", "metadata", "error", "done"]))
    codec.read_error(raw)
    for read in (lambda: codec.read_answer(raw), lambda: codec.reader().read(event, raw)):
        try:
            read()
        except Malformed as error:
            assert str(error)
