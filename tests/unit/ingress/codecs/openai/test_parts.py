"""Thoughts as parts of a content: what Mistral's client asks and is told, whoever answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingress.codecs.openai import mistral, parts
from ingress.codecs.openai.chat import OpenAIChat
from ingress.codecs.openai_chat import CODEC, parse_request
from ingress.codecs.passage import Crossing, Stamp
from ingress.codecs.registry import CHAT
from schemas.conversation.answer import Begun, Delta, Event, PartBegun, PartEnded, Signed
from schemas.conversation.parts import Thinking
from schemas.errors import InvalidRequest

STAMP = Stamp("id", "m", 1)
THOUGHT = parts.written("It is even.")
PLAIN: dict[str, Any] = {
    "id": "a",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Four.", "reasoning_content": "It is even."},
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2},
}
IN_PARTS: dict[str, Any] = {
    **PLAIN,
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": [THOUGHT, {"type": "text", "text": "Four."}]},
        }
    ],
}


def asked(**more: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}], **more}).encode()


@pytest.mark.parametrize(
    ("agent", "found"),
    [
        ("speakeasy-sdk/python 3.7.0 2.935.1 1.0.0 mistralai", True),
        ("mistral-client-python/1.2.0", True),
        ("OpenAI/Python 3.52.0", False),
        ("", False),
    ],
)
def test_its_client_is_known_by_what_it_calls_itself(agent: str, found: bool) -> None:
    assert mistral.is_client(agent) is found


def test_its_words_are_put_into_openais_and_its_usage_is_told_unasked() -> None:
    request = mistral.parse(asked(random_seed=7, tool_choice="any", stream=True))
    assert (request.body["seed"], request.body["tool_choice"], "random_seed" in request.body) == (7, "required", False)
    assert request.include_usage and request.codec is mistral.CODEC
    assert mistral.parse(asked(random_seed=7, seed=8)).body["seed"] == 8


@pytest.mark.parametrize(("body", "codec"), [(PLAIN, CODEC), (IN_PARTS, mistral.CODEC)])
def test_each_client_is_told_thoughts_where_it_looks_for_them(body: dict[str, Any], codec: OpenAIChat) -> None:
    raw = json.dumps(body).encode()
    its_own = mistral.parse(asked()).answered(raw, codec, STAMP).decoded()[0]["choices"][0]["message"]
    assert its_own["content"] == [THOUGHT, {"type": "text", "text": "Four."}]
    openais = parse_request(asked()).answered(raw, codec, STAMP).decoded()[0]["choices"][0]["message"]
    assert (openais["content"], openais["reasoning_content"]) == ("Four.", "It is even.")


def _deltas(written: bytes) -> list[dict[str, Any]]:
    events = [line for line in written.decode().split("\n\n") if line.startswith("data: {")]
    return [json.loads(each.removeprefix("data: "))["choices"][0]["delta"] for each in events]


def test_a_stream_tells_it_thoughts_in_parts_and_calls_whole() -> None:
    told: list[Event] = [
        Begun("a", "m", 1),
        PartBegun(0, 0, "thinking"),
        Delta(0, 0, "It is even."),
        Signed(0, 0, "c2ln"),
        PartEnded(0, 0),
        PartBegun(0, 1, "tool_call", "call_1", "weather"),
        Delta(0, 1, '{"city":'),
        Delta(0, 1, '"Rome"}'),
        PartEnded(0, 1),
    ]
    writer = mistral.CODEC.writer(include_usage=True)
    first, signed, call = _deltas(b"".join(map(writer.write, told)))
    assert first["content"] == [THOUGHT] and signed["content"] == [parts.written("", "c2ln")]
    assert call["tool_calls"] == [
        {
            "index": 0,
            "id": "call_1",
            "type": "function",
            "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
        }
    ]
    plain = CODEC.writer(include_usage=True)
    assert "reasoning_content" in _deltas(b"".join(map(plain.write, told)))[0]


def test_a_stream_of_parts_reaches_a_client_of_openais_as_texts() -> None:
    crossing = Crossing(OpenAIChat(parts=True), CODEC, STAMP, include_usage=False)
    chunk = {"id": "a", "choices": [{"index": 0, "delta": {"content": [THOUGHT]}}]}
    (frame,) = [each for each in crossing.read("", json.dumps(chunk).encode(), b"").frames if each.texts]
    assert frame.texts == (("0.0", "It is even."),)
    assert _deltas(frame.raw)[0]["reasoning_content"] == "It is even."


def test_earlier_thoughts_of_its_client_are_read_and_nobody_elses() -> None:
    body = json.loads(asked())
    body["messages"] += [{"role": "assistant", "content": [{**THOUGHT, "signature": "c2ln"}]}]
    assert CODEC.read_request(body).messages[1].parts == (Thinking("It is even.", "c2ln"),)
    written = CHAT["anthropic"].write_request(CODEC.read_request({**body, "max_tokens": 9})).body
    assert written["messages"][1]["content"][0]["signature"] == "c2ln"
    body["messages"] = [{"role": "user", "content": [THOUGHT]}]
    with pytest.raises(InvalidRequest, match="assistant"):
        CODEC.read_request(body)


@pytest.mark.parametrize(
    ("message", "content"),
    [
        ({"role": "assistant", "content": "Four.", "reasoning_content": "T"}, ["thinking", "text"]),
        ({"role": "assistant", "content": [{"type": "text"}], "reasoning_content": "T"}, ["thinking", "text"]),
        ({"role": "assistant", "content": None, "reasoning_content": "T"}, ["thinking"]),
        ({"role": "assistant", "content": [THOUGHT]}, ["thinking"]),
    ],
)  # fmt: skip
def test_thoughts_of_earlier_turns_are_put_where_its_provider_has_them(message: Any, content: list[str]) -> None:
    moved = parts.moved(message)
    assert [part["type"] for part in moved["content"]] == content


@pytest.mark.parametrize("signature", ["", "c2ln"])
@pytest.mark.parametrize("text", ["Four.", ""])
def test_what_its_client_tells_again_is_put_where_other_providers_have_it_and_back(signature: str, text: str) -> None:
    content = [parts.written("It is even.", signature), *([{"type": "text", "text": text}] if text else [])]
    message = {"role": "assistant", "content": content}
    turns = [{"role": "user", "content": "Hi"}, message, {"role": "user", "content": "And now?"}]
    body = mistral.parse(asked(messages=turns)).body
    told = body["messages"][1]
    assert (told["content"], told["reasoning_content"]) == (text or None, "It is even.")
    assert parts.moved(told)["content"] == content
    # for a provider of another protocol, too
    written = CHAT["anthropic"].write_request(CODEC.read_request({**body, "max_tokens": 9})).body["messages"]
    assert signature in str(written[1]["content"]) if signature else "It is even." not in str(written)


@pytest.mark.parametrize("content", ["x", None, 7, [], [7], [{"type": "text", "text": "x"}], [{"type": "thinking"}]])
def test_answers_without_thoughts_stay_as_they_are(content: Any) -> None:
    message = {"role": "assistant", "content": content}
    assert parts.taken_out(message) is message
    assert parts.taken_out({"role": "user", "content": [THOUGHT]}) == {"role": "user", "content": [THOUGHT]}


@pytest.mark.parametrize(
    "message", [{"role": "user", "reasoning_content": "x"}, {"role": "assistant", "reasoning_content": 1}, 7, "x"]
)
def test_other_messages_stay_as_they_are(message: Any) -> None:
    assert parts.moved(message) is message


@pytest.mark.parametrize("part", [None, {}, {"type": "thinking"}, {"type": "thinking", "thinking": [1, {"text": 2}]}])
def test_what_is_no_thought_says_nothing(part: Any) -> None:
    assert parts.text_of(part) == ""
