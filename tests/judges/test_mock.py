"""Each provider's own SDK finds the mock provider to be that provider."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.mock import MockProvider
from tests.judges.courts import VECTORS, Orders, sit
from tests.judges.judging import DONE

SECRET = "sk-judged"
JUDGES = [
    ("openai_chat", "/v1", "gpt-4o", "think"),
    ("openai_responses", "/v1", "gpt-4o", ""),
    ("anthropic_messages", "/anthropic", "claude-sonnet-4-5", ""),
    ("gemini_generate", "/gemini", "gemini-2.5-flash", ""),
    ("bedrock_converse", "/bedrock", "anthropic.claude-sonnet-4-5-v1:0", ""),
    ("cohere_chat", "/cohere", "command-a-03-2025", ""),
    ("mistral_chat", "/mistral", "mistral-large", ""),
    ("voyage_vectors", "/voyage/v1", "voyage-3", ""),
]


@pytest.fixture(scope="module")
def mock() -> Iterator[MockProvider]:
    """A mock provider in a loop of its own: the judges are waited for in this thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    provider = MockProvider(aws_secret=SECRET)
    asyncio.run_coroutine_threadsafe(provider.start(), loop).result(10)
    try:
        yield provider
    finally:
        asyncio.run_coroutine_threadsafe(provider.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.mark.parametrize(("script", "path", "model", "think"), JUDGES, ids=[each[0] for each in JUDGES])
def test_the_providers_own_sdk_finds_it_genuine(
    judge_python: Path, mock: MockProvider, script: str, path: str, model: str, think: str
) -> None:
    orders = Orders(mock.url + path, SECRET, {"mock": model}, False, think, {"mock": VECTORS})
    found = sit([judge_python, "-W", "ignore", f"{script}.py"], orders)
    assert [each for each in found if each.mark != DONE] == []


def test_a_request_that_another_secret_signed_is_refused(judge_python: Path, mock: MockProvider) -> None:
    orders = Orders(mock.url + "/bedrock", "sk-another", {"mock": "amazon.nova-lite-v1:0"}, False)
    found = sit([judge_python, "-W", "ignore", "bedrock_converse.py"], orders)
    assert all("InvalidSignatureException" in each.reason for each in found)
