"""Which operation a path names, under every prefix that clients are documented for. Pure; what is done is elsewhere."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import msgspec

DEFAULT_PREFIXES = ("/llm", "/llm/openai", "/llm/anthropic", "/llm/gemini", "/openai")

# paths without a variable part
EXACT = {
    "/v1/chat/completions": "chat_completions",
    "/v1/responses": "responses",
    "/v1/messages": "messages",
    "/v1/messages/count_tokens": "count_tokens",
    "/v1/embeddings": "embeddings",
    "/v1/completions": "completions",
    "/v1/moderations": "moderations",
    "/v1/rerank": "rerank",
    "/v2/rerank": "rerank",
    "/v1/models": "models",
    "/v1/usage": "usage",
    "/v1/estimate": "estimate",
    "/v1beta/models": "gemini_models",
    "/health": "health",
    "/ready": "ready",
    "/metrics": "metrics",
}
_GEMINI = re.compile(r"/(?:v1beta|v1)/models/(.{1,256}):([A-Za-z]{1,64})")
_GEMINI_VERBS = {
    "generateContent": ("generate_content", {}),
    "streamGenerateContent": ("generate_content", {"stream": True}),
    "countTokens": ("gemini_count_tokens", {}),
    "embedContent": ("gemini_embed", {}),
    "batchEmbedContents": ("gemini_batch_embed", {}),
}
_NOT_SERVED = re.compile(
    r"/v1/(?:audio|images|videos|files|uploads|batches|fine_tuning|assistants|threads|vector_stores|realtime|evals|"
    r"containers|conversations|messages/batches|responses/[^/]+|chat/completions/[^/]+)(?=/|$)"
    r"|/v1beta/(?:files|cachedContents|tunedModels|corpora|fileSearchStores)(?=/|$)"
    r"|/(?:v1beta|v1)/models/.{1,256}:[A-Za-z]{1,64}$"
)
"""Of the providers whose protocols are spoken here."""
_MODEL = re.compile(r"/v1/models/(.{1,256})")
_GEMINI_MODEL = re.compile(r"/v1beta/models/(.{1,256})")
_AZURE = re.compile(r"/openai/deployments/([^/]{1,256})/(chat/completions|completions|embeddings)")


class Found(msgspec.Struct, frozen=True):
    """An operation, and what the path says that the body does not."""

    operation: str
    said: dict[str, Any] = {}


_FOUND = {path: Found(operation) for path, operation in EXACT.items()}


def find(path: str, prefixes: tuple[str, ...] = DEFAULT_PREFIXES) -> Found | None:
    """What a path means; None when nothing.

    Args:
        path: as the client wrote it, without the query.
        prefixes: each may stand in front; the longest that leaves a path is taken off.
    """
    found = _FOUND.get(path) or _varying(path)
    if found is not None:
        return found
    for prefix in _longest_first(prefixes):
        if path.startswith(prefix + "/"):
            rest = path[len(prefix) :]
            found = _FOUND.get(rest) or _varying(rest)
            if found is not None:
                return found
    return None


@lru_cache(maxsize=16)
def _longest_first(prefixes: tuple[str, ...]) -> list[str]:
    return sorted(prefixes, key=len, reverse=True)


def not_served(path: str, prefixes: tuple[str, ...] = DEFAULT_PREFIXES) -> str:
    """The family of operations that a path belongs to, of those known and not served; else empty."""
    for prefix in ("", *prefixes):
        match = _NOT_SERVED.match(path.removeprefix(prefix)) if path.startswith(prefix) else None
        if match is not None:
            return match[0]
    return ""


def _varying(path: str) -> Found | None:
    match = _GEMINI.fullmatch(path)
    if match is not None:
        verb = _GEMINI_VERBS.get(match[2])
        if verb is None:
            return None
        return Found(verb[0], {"model": unquote(match[1]), **verb[1]})
    match = _AZURE.fullmatch(path)
    if match is not None:
        operation = EXACT["/v1/" + match[2]]
        return Found(operation, {"model": unquote(match[1])})
    match = _MODEL.fullmatch(path)
    if match is not None:
        return Found("model", {"model": unquote(match[1])})
    match = _GEMINI_MODEL.fullmatch(path)
    if match is not None:
        return Found("gemini_model", {"model": unquote(match[1])})
    return None
