"""A body of very many values is refused before anything is done with it; a long one of few is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from ingress.codecs.asked import parse
from ingress.codecs.crowded import MOST_NUMBERS, MOST_VALUES
from ingress.codecs.fronts import GENERATE, MESSAGES, RESPONSES
from ingress.codecs.openai_chat import parse_request
from ingress.codecs.shot_fronts import EMBEDDINGS
from ingress.codecs.shots import parse_shot
from schemas.errors import TooLarge

Read = Callable[[bytes], object]
MANY = MOST_VALUES // 2
MESSAGE = {"role": "user", "content": "a"}


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (parse_request, {"messages": [MESSAGE] * MANY}),
        (parse_request, {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}] * MANY}]}),
        (parse_request, {"messages": [MESSAGE], "metadata": {f"k{number}": "" for number in range(MOST_VALUES)}}),
        (lambda raw: parse(raw, MESSAGES), {"max_tokens": 1, "messages": [MESSAGE] * MANY}),
        (lambda raw: parse(raw, RESPONSES), {"input": [MESSAGE] * MANY}),
        (lambda raw: parse(raw, GENERATE), {"contents": [{"parts": [{"text": "a"}]}] * MANY}),
        (lambda raw: parse_shot(raw, EMBEDDINGS), {"input": ["a"] * MOST_VALUES + ["b"]}),
        (lambda raw: parse_shot(raw, EMBEDDINGS), {"input": [1] * (MOST_NUMBERS + 1)}),
    ],
    ids=["messages", "parts", "members", "anthropic", "responses", "gemini", "inputs", "numbers"],
)  # fmt: skip
def test_a_crowd_is_refused(read: Read, body: dict[str, Any]) -> None:
    with pytest.raises(TooLarge, match="more than 100,000 values"):
        read(msgspec.json.encode({"model": "m", **body}))


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (parse_request, {"messages": [{"role": "user", "content": '{"a": [1, {"b": ""}]}' * 100_000}]}),
        (parse_request, {"messages": [MESSAGE] * 10_000, "x": "y" * 400_000}),
        (lambda raw: parse_shot(raw, EMBEDDINGS), {"input": [[1] * 140] * 2_048}),
    ],
    ids=["long text", "ten thousand messages", "a batch cut into tokens"],
)
def test_what_is_long_without_being_many_is_read(read: Read, body: dict[str, Any]) -> None:
    assert read(msgspec.json.encode({"model": "m", **body}))
