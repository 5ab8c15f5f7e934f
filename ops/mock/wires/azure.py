"""Azure OpenAI: OpenAI's operations by deployment. Source: Azure OpenAI REST API reference, data plane inference."""

from __future__ import annotations

import re

from ops.mock import wire
from ops.mock.refusal import Refusal
from ops.mock.wires.openai import read_embeddings
from ops.mock.wires.openai_chat import read_chat
from ops.mock.wires.speaking import Incoming, Speaker, Wanted, bearer, operation, page

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")
_LISTED = ("gpt-4o", "gpt-4o-mini")


def _versioned(incoming: Incoming) -> None:
    if not _VERSION.fullmatch(incoming.query.get("api-version", "")):
        raise Refusal(404, "Resource not found", code="404")


def _chat(incoming: Incoming) -> Wanted:
    _versioned(incoming)
    return read_chat(incoming, incoming.path["model"])


def _embeddings(incoming: Incoming) -> Wanted:
    _versioned(incoming)
    return read_embeddings(incoming, incoming.path["model"])


def _models(incoming: Incoming) -> Wanted:
    _versioned(incoming)
    data = [{"id": name, "object": "model", "status": "succeeded", "capabilities": {"chat_completion": True}}
            for name in _LISTED]  # fmt: skip
    return page({"object": "list", "data": data})


def _authorise(incoming: Incoming) -> None:
    key = incoming.header(b"api-key") or bearer(incoming.headers)
    if not key or key.startswith("sk-bad"):
        raise Refusal(
            401,
            "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for "
            "an active subscription and use a correct regional API endpoint for your resource.",
            code="401",
        )


def _error(refusal: Refusal, ident: str) -> bytes:
    if refusal.code in ("401", "404"):
        return wire.encode({"error": {"code": refusal.code, "message": refusal.message}})
    return wire.error(refusal)


SPEAKER = Speaker(
    operations=(
        operation("POST", "/openai/deployments/{model}/chat/completions", _chat),
        operation("POST", "/openai/deployments/{model}/embeddings", _embeddings),
        operation("GET", "/openai/models", _models, listed=True),
    ),
    authorise=_authorise,
    error=_error,
)
