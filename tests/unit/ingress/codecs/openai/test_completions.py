"""Legacy completions: what they say in a chat, what they refuse, and their own stream."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingress.codecs.openai.chat import OpenAIChat
from ingress.codecs.openai.completions import OpenAICompletions
from ingress.codecs.sse import SseParser
from schemas.conversation.answer import Answer, Choice, Event, Finished
from schemas.conversation.parts import Text, ToolCall
from schemas.errors import InvalidRequest, ProviderError
from schemas.facts.traffic import Usage
from tests.unit.ingress.codecs.conversations import USAGES, WORDS, choices, streamed
from tests.unit.ingress.codecs.test_laws import whole

CODEC = OpenAICompletions()
SOME = settings(max_examples=25, deadline=None)
TEXTS = st.builds(lambda text, finish: Choice((Text(text),), finish), WORDS, st.sampled_from(["stop", "length"]))


def events_of(data: bytes) -> list[Event]:
    reader = CODEC.reader()
    return [event for each in SseParser().feed(data) for event in reader.read(each.event.decode(), each.data)]


def test_a_prompt_is_what_a_user_says_and_the_loss_is_named() -> None:
    asked = CODEC.read_request({"model": "m", "prompt": ["Once upon"], "suffix": "the end", "stop": "."})
    written = OpenAIChat().write_request(asked)
    assert written.body["messages"] == [{"role": "user", "content": "Once upon"}]
    assert written.body["max_completion_tokens"] == 16
    assert written.dropped == ("prompt.continuation", "suffix")


def test_its_own_provider_is_asked_what_was_asked() -> None:
    body = {"model": "m", "prompt": "Once upon", "max_tokens": 5, "suffix": "the end", "best_of": 2, "echo": True}
    written = CODEC.write_request(CODEC.read_request(body))
    assert (written.body, written.dropped) == (body, ())


@pytest.mark.parametrize("prompt", [None, "", [], ["a", "b"], [1, 2], [[1]], {}, 5])
def test_prompts_that_no_chat_can_take_are_refused(prompt: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        CODEC.read_request({"model": "m", "prompt": prompt})
    assert (caught.value.param, caught.value.error_code) == ("prompt", "endpoint_unsupported")


def test_a_conversation_is_no_prompt() -> None:
    chat = {"model": "m", "messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]}
    with pytest.raises(InvalidRequest) as caught:
        CODEC.write_request(OpenAIChat().read_request(chat))
    assert caught.value.error_code == "endpoint_unsupported"


@SOME
@given(choice=TEXTS, usage=USAGES, size=st.integers(1, 7))
def test_a_stream_says_what_the_answer_says(choice: Choice, usage: Usage, size: int) -> None:
    body = CODEC.write_answer(Answer(id="1", model="m", created_s=1, choices=(choice,), usage=usage))
    read = CODEC.read_answer(msgspec.json.encode(body))
    assert (read.choices[0], read.usage) == (choice, usage)
    writer = CODEC.writer(include_usage=True)
    data = b"".join(writer.write(event) for event in streamed(choice, usage, size))
    assert whole(events_of(data)) == (choice.parts, choice.finish, usage)
    assert data.endswith(b"data: [DONE]\n\n")


@SOME
@given(choice=choices(), usage=USAGES)
def test_only_texts_are_told(choice: Choice, usage: Usage) -> None:
    writer = CODEC.writer(include_usage=False)
    data = b"".join(writer.write(event) for event in streamed(choice, usage, 5))
    parts, finish, told_usage = whole(events_of(data))
    assert parts == tuple(part for part in choice.parts if isinstance(part, Text))
    assert finish == ("stop" if any(isinstance(part, ToolCall) for part in choice.parts) else choice.finish)
    assert told_usage is None


def test_a_stream_that_fails_ends_with_the_error() -> None:
    writer = CODEC.writer(include_usage=False)
    data = b"".join(writer.write(event) for event in streamed(Choice((Text("abc"),)), Usage(1, 1), 9)[:3])
    told = events_of(data + writer.fail(ProviderError("It broke."), filtered=True))
    assert [event.message for event in told if hasattr(event, "message")] == ["It broke."]
    assert [event.finish for event in told if isinstance(event, Finished)] == ["content_filter"]
