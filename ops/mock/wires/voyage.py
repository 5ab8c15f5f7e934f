"""Voyage AI's API: embeddings and rerank. Source: Voyage AI API reference."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ops.mock import wire
from ops.mock.answer import count
from ops.mock.behaviour import Behaviour
from ops.mock.refusal import Refusal
from ops.mock.wire import Stamp
from ops.mock.wires.cohere import ranked
from ops.mock.wires.openai import DIMENSIONS, packed, vector
from ops.mock.wires.speaking import Incoming, Reply, Speaker, Wanted, bearer, complaint, decoded, operation

_DIMENSIONS = (256, 512, 1024, 2048)


class Embed(msgspec.Struct, forbid_unknown_fields=True):
    input: str | list[str]
    model: str
    input_type: Literal["query", "document"] | None = None
    truncation: bool | None = None
    output_dimension: int | None = None
    output_dtype: Literal["float", "int8", "uint8", "binary", "ubinary"] | None = None
    encoding_format: Literal["base64"] | None = None


class Rerank(msgspec.Struct, forbid_unknown_fields=True):
    query: str
    documents: list[str]
    model: str
    top_k: int | None = None
    return_documents: bool | None = None
    truncation: bool | None = None


_EMBED = msgspec.json.Decoder(Embed)
_RERANK = msgspec.json.Decoder(Rerank)


def _refuse(problem: str) -> Refusal:
    found = complaint(problem)
    if found.kind == "unknown":
        return Refusal(400, f"Argument '{found.where}' is not supported by our API.")
    if found.kind == "missing":
        return Refusal(400, f"Request to model failed: the argument '{found.where}' is required.")
    if found.kind == "syntax":
        return Refusal(400, "The request body is not valid JSON.")
    return Refusal(400, f"Value error for '{found.where}': {found.text}.")


def _embed(incoming: Incoming) -> Wanted:
    request = decoded(_EMBED, incoming.body, _refuse)
    texts = [request.input] if isinstance(request.input, str) else request.input
    if not texts or not all(texts):
        raise Refusal(400, "Input cannot contain empty strings or empty lists.")
    if len(texts) > 1000:
        raise Refusal(400, "The batch size limit is 1000.")
    if request.output_dimension is not None and request.output_dimension not in _DIMENSIONS:
        raise Refusal(400, f"output_dimension must be one of {', '.join(map(str, _DIMENSIONS))}.")
    used = sum(map(count, texts))
    size = request.output_dimension or DIMENSIONS

    def make(behaviour: Behaviour, stamp: Stamp) -> Reply:
        data = []
        for at, text in enumerate(texts):
            numbers: Any = vector(text, size)
            if request.output_dtype not in (None, "float"):
                numbers = [int(number * 127) for number in numbers]
            if request.encoding_format == "base64":
                numbers = packed(numbers)
            data.append({"object": "embedding", "embedding": numbers, "index": at})
        return _listed(request.model, data, used, behaviour)

    return Wanted(request.model, make)


def _rerank(incoming: Incoming) -> Wanted:
    request = decoded(_RERANK, incoming.body, _refuse)
    if not request.documents or not request.query:
        raise Refusal(400, "Query and documents cannot be empty.")
    used = sum(map(count, request.documents)) + count(request.query) * len(request.documents)

    def make(behaviour: Behaviour, stamp: Stamp) -> Reply:
        data = []
        for at, score in ranked(request.query, request.documents, request.top_k):
            found: dict[str, Any] = {"relevance_score": score, "index": at}
            if request.return_documents:
                found["document"] = request.documents[at]
            data.append(found)
        return _listed(request.model, data, used, behaviour)

    return Wanted(request.model, make)


def _listed(model: str, data: list[dict[str, Any]], used: int, behaviour: Behaviour) -> Reply:
    body: dict[str, Any] = {"object": "list", "data": data, "model": model}
    if not behaviour.no_usage:
        body["usage"] = {"total_tokens": used}
    return Reply(wire.encode(body), prompt_tokens=used)


def _authorise(incoming: Incoming) -> None:
    if not bearer(incoming.headers) or bearer(incoming.headers).startswith("sk-bad"):
        raise Refusal(401, "Provided API key is invalid.")


SPEAKER = Speaker(
    operations=(operation("POST", "/v1/embeddings", _embed), operation("POST", "/v1/rerank", _rerank)),
    authorise=_authorise,
    error=lambda refusal, _: wire.encode({"detail": refusal.message}),
)
