"""Which operation a path names, and which are known and not served."""

from __future__ import annotations

from typing import Any

import pytest

from ingress.gateway.paths import DEFAULT_PREFIXES, EXACT, find, not_served


@pytest.mark.parametrize("prefix", ["", *DEFAULT_PREFIXES])
@pytest.mark.parametrize(
    ("path", "operation", "said"),
    [
        ("/v1/embeddings", "embeddings", {}),
        ("/v2/rerank", "rerank", {}),
        ("/v1/messages/count_tokens", "count_tokens", {}),
        ("/v1beta/models/gemini-2.5-pro:countTokens", "gemini_count_tokens", {"model": "gemini-2.5-pro"}),
        ("/v1beta/models/a%2Fb:batchEmbedContents", "gemini_batch_embed", {"model": "a/b"}),
        ("/openai/deployments/my%20own/embeddings", "embeddings", {"model": "my own"}),
        ("/openai/deployments/d/completions", "completions", {"model": "d"}),
        ("/v1/usage", "usage", {}),
        ("/v1/estimate", "estimate", {}),
    ],
)
def test_paths(prefix: str, path: str, operation: str, said: dict[str, Any]) -> None:
    found = find(prefix + path)
    assert found is not None and (found.operation, found.said) == (operation, said)
    assert not_served(prefix + path) == "" or ":" in path


@pytest.mark.parametrize(
    ("path", "family"),
    [
        ("/v1/audio/speech", "/v1/audio"),
        ("/llm/openai/v1/images/generations", "/v1/images"),
        ("/v1/files", "/v1/files"),
        ("/v1/responses/resp_1/cancel", "/v1/responses/resp_1"),
        ("/v1/messages/batches", "/v1/messages/batches"),
        ("/v1beta/cachedContents/x", "/v1beta/cachedContents"),
        ("/v1/filesystem", ""),
        ("/v1/nothing", ""),
        ("/", ""),
    ],
)
def test_what_is_known_and_not_served(path: str, family: str) -> None:
    assert find(path) is None and not_served(path) == family


def test_nothing_that_is_served_is_said_not_to_be() -> None:
    assert [path for path in EXACT if not_served(path)] == []
