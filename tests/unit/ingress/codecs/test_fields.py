"""What counts as a number of tokens when a provider tells it."""

from __future__ import annotations

import pytest

from ingress.codecs.cohere.answer import count as cohere_count
from ingress.codecs.fields import MOST_TOKENS, count
from ingress.codecs.openai.chat_answer import read_usage as chat_usage
from ingress.codecs.openai.embeddings import read_usage as embeddings_usage
from ingress.codecs.openai.responses_answer import read_usage as responses_usage
from projections.log.opened import HIGHEST


@pytest.mark.parametrize("told", [1, 128_000, MOST_TOKENS])
def test_a_number_of_tokens_is_taken(told: int) -> None:
    assert count(told) == cohere_count({"n": told}, "n") == cohere_count({"n": float(told)}, "n") == told


@pytest.mark.parametrize("told", [0, -1, MOST_TOKENS + 1, 2**64 - 1, 10**30, True, None, "5", [], {}, float("nan")])
def test_what_is_no_number_of_tokens_counts_for_nothing(told: object) -> None:
    assert count(told) == cohere_count({"n": told}, "n") == 0


def test_no_provider_can_tell_more_than_workers_of_the_log_take() -> None:
    assert 9 * MOST_TOKENS < HIGHEST


@pytest.mark.parametrize("told", [-1, MOST_TOKENS + 1, 2**64 - 1, 10**30])
def test_a_prompt_that_nobody_could_have_sent_is_estimated_instead(told: int) -> None:
    assert chat_usage({"prompt_tokens": told}) is embeddings_usage({"prompt_tokens": told}) is None
    assert responses_usage({"input_tokens": told}) is None
