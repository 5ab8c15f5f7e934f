"""What OpenAI says of its own examples, and what is owned up to where it says nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ingress.codecs.openai.chat import OpenAIChat
from ingress.tokenizing.encodings import Encoder, Encodings
from ingress.tokenizing.prompts import Counted, count_conversation, count_texts
from schemas.tokens import family_of

# cookbook, "How to count tokens with tiktoken": the two examples, and what its API counted for them
JARGON = [
    {"role": "system", "content": "You are a helpful, pattern-following assistant that translates corporate jargon into plain English."},  # noqa: E501
    {"role": "system", "name": "example_user", "content": "New synergies will help drive top-line growth."},
    {"role": "system", "name": "example_assistant", "content": "Things working well together will increase revenue."},
    {"role": "system", "name": "example_user", "content": "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."},  # noqa: E501
    {"role": "system", "name": "example_assistant", "content": "Let's talk later when we're less busy about how to do better."},  # noqa: E501
    {"role": "user", "content": "This late pivot means we don't have time to boil the ocean for the client deliverable."},  # noqa: E501
]  # fmt: skip
WEATHER = [
    {"role": "system", "content": "You are a helpful assistant that can answer to questions about the weather."},
    {"role": "user", "content": "What's the weather like in San Francisco?"},
]
PROPERTIES = {
    "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
    "unit": {"type": "string", "description": "The unit of temperature to return", "enum": ["celsius", "fahrenheit"]},
}


def tool(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": "get_current_weather",
            "description": "Get the current weather in a given location",
            "parameters": {"type": "object", "properties": properties, "required": ["location"]},
        },
    }


def encoder_of(family: str) -> Encoder:
    encoder = asyncio.run(Encodings().of(family))
    if encoder is None:
        pytest.skip("there is no build of bpe-openai for this platform")
    return encoder


def counted(model: str, **body: Any) -> Counted:
    family = family_of(model)
    conversation = OpenAIChat().read_request({"model": model, **body})
    return asyncio.run(count_conversation(encoder_of(family), family, model, conversation))


@pytest.mark.parametrize(
    ("model", "jargon", "weather"),
    [("gpt-4o", 124, 101), ("gpt-4o-mini", 124, 101), ("gpt-4", 129, 105), ("gpt-3.5-turbo", 129, 105)],
)
def test_the_published_examples(model: str, jargon: int, weather: int) -> None:
    assert counted(model, messages=JARGON) == Counted(jargon)
    found = counted(model, messages=WEATHER, tools=[tool(PROPERTIES)])
    assert found.tokens == weather and 0 < found.error < 0.1


def test_what_is_not_published_is_not_called_exact() -> None:
    assert 0 < counted("gpt-5-mini", messages=JARGON).error < 0.1
    assert counted("ft:gpt-4o:acme", messages=JARGON) == Counted(124)
    deep = {"list": {"type": "array", "items": {"type": "object", "properties": PROPERTIES}}}
    assert (
        counted("gpt-4o", messages=WEATHER, tools=[tool(deep)]).error
        > counted("gpt-4o", messages=WEATHER, tools=[tool(PROPERTIES)]).error
    )
    form = {"type": "json_schema", "json_schema": {"name": "w", "schema": tool(PROPERTIES)["function"]["parameters"]}}
    plain = counted("gpt-4o", messages=WEATHER)
    formed = counted("gpt-4o", messages=WEATHER, response_format=form)
    assert plain.off == 0 < formed.off and plain.tokens < formed.tokens


def test_calls_of_tools_and_their_results_are_turns_of_their_own() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"city": "Rome"}'}}
    turns = [
        *WEATHER,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "sunny"},
    ]
    found, before = counted("gpt-4o", messages=turns), counted("gpt-4o", messages=WEATHER)
    assert before.tokens + 2 * 4 < found.tokens < before.tokens + 40 and found.off


def test_texts_alone_have_no_format() -> None:
    found = asyncio.run(count_texts(encoder_of("cl100k"), "cl100k", ["hello world", "tiktoken is great!"], 5))
    assert found == Counted(2 + 6 + 5)
