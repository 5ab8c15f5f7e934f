"""What providers of OpenAI's format say that an answer took, each in its way; read alike on both ways of an answer."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ingress.codecs.openai.chat_answer import read_usage
from ingress.codecs.openai_chat import ChatAnswer, parse_chunk
from schemas.facts.traffic import Usage

THOUGHTS = {"reasoning_tokens": 233}


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21}, Usage(9, 12)),
        # OpenAI: thoughts are part of what was written
        (
            {"prompt_tokens": 37, "completion_tokens": 530, "total_tokens": 567, "completion_tokens_details": THOUGHTS},
            Usage(37, 530, 0, 233),
        ),
        # xAI: they are only part of the total
        (
            {"prompt_tokens": 37, "completion_tokens": 530, "total_tokens": 800, "completion_tokens_details": THOUGHTS},
            Usage(37, 763, 0, 233),
        ),
        # Perplexity: not even of that
        (
            {"prompt_tokens": 1188, "completion_tokens": 4240, "total_tokens": 5428, "reasoning_tokens": 92431},
            Usage(1188, 96671, 0, 92431),
        ),
        # Moonshot
        ({"prompt_tokens": 19, "completion_tokens": 21, "total_tokens": 40, "cached_tokens": 10}, Usage(19, 21, 10)),
        (
            {"prompt_tokens": 19, "completion_tokens": 21, "prompt_tokens_details": {"cached_tokens": 4}},
            Usage(19, 21, 4),
        ),
        ({"prompt_tokens": 1, "completion_tokens": -2, "reasoning_tokens": -3, "cached_tokens": -4}, Usage(1, 0)),
    ],
)
def test_usage(told: dict[str, Any], usage: Usage) -> None:
    assert read_usage(told) == usage
    choices = [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]
    assert ChatAnswer(msgspec.json.encode({"choices": choices, "usage": told})).usage == usage
    assert parse_chunk(msgspec.json.encode({"choices": [], "usage": told})).usage == usage


def test_deepseeks_name_for_what_came_from_a_cache() -> None:
    assert read_usage({"prompt_tokens": 10, "completion_tokens": 1, "prompt_cache_hit_tokens": 7}) == Usage(10, 1, 7)
