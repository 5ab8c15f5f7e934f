"""OpenAI's other operations: embeddings, moderations, completions; and its speaker. Source: OpenAI API reference."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from ops.mock import routes, wire
from ops.mock.answer import count
from ops.mock.behaviour import Behaviour
from ops.mock.refusal import Refusal, invalid_value
from ops.mock.request import StreamOptions, translated
from ops.mock.wire import Stamp
from ops.mock.wires import openai_responses
from ops.mock.wires.saying import Asked, compose
from ops.mock.wires.speaking import Incoming, Reply, Speaker, Wanted, complaint, decoded, operation, sse

DIMENSIONS = 8
"""Numbers in a vector when nobody says how many."""


def refuse(problem: str) -> Refusal:
    """The decoder's complaint in the API's words."""
    found = complaint(problem)
    if found.kind == "unknown":
        return Refusal(400, f"Unknown parameter: '{found.where}'.", param=found.where, code="unknown_parameter")
    return translated(problem)


def vector(text: str, size: int) -> list[float]:
    """A unit-less vector that depends on the text alone; numbers that a 32-bit float holds exactly."""
    found = []
    for at in range(size):
        digest = hashlib.sha256(f"{at}:{text}".encode()).digest()
        found.append((digest[0] - 128) / 128)
    return found


def packed(numbers: list[float]) -> str:
    """Little-endian 32-bit floats in base64."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


class Embed(msgspec.Struct, forbid_unknown_fields=True):
    model: str
    input: str | list[Any]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    user: str | None = None


def texts_of(given: str | list[Any]) -> list[str]:
    """One text for each vector; tokens by their numbers."""
    if isinstance(given, str):
        return [given]
    if given and all(isinstance(token, int) for token in given):
        return [" ".join(map(str, given))]
    if all(isinstance(text, str) for text in given):
        return given
    if all(isinstance(tokens, list) and all(isinstance(token, int) for token in tokens) for tokens in given):
        return [" ".join(map(str, tokens)) for tokens in given]
    raise invalid_value("input", "input must be texts or tokens, all of one kind")


def read_embeddings(incoming: Incoming, model: str = "", **more: str) -> Wanted:
    """``model`` when the path says it; ``more`` are further fields of the answer."""
    body = incoming.body
    if model:
        body = b'{"model":%s,' % wire.encode(model) + body.lstrip()[1:]
    request = decoded(_EMBED, body, refuse)
    texts = texts_of(request.input)
    if not texts or not all(texts):
        raise invalid_value("input", "input cannot be an empty string or an empty array")
    if len(texts) > 2048:
        raise invalid_value("input", "at most 2048 inputs")
    if request.dimensions is not None and request.dimensions < 1:
        raise invalid_value("dimensions", "at least 1")
    used = sum(map(count, texts))

    def make(behaviour: Behaviour, stamp: Stamp) -> Reply:
        vectors = [vector(text, request.dimensions or DIMENSIONS) for text in texts]
        data = [
            {"object": "embedding", "index": at, "embedding": packed(each) if packs else each}
            for at, each in enumerate(vectors)
        ]
        body: dict[str, Any] = {**more, "object": "list", "data": data, "model": request.model}
        if not behaviour.no_usage:
            body["usage"] = {"prompt_tokens": used, "total_tokens": used}
        return Reply(wire.encode(body), prompt_tokens=used)

    packs = request.encoding_format == "base64"
    return Wanted(request.model, make)


class Moderate(msgspec.Struct, forbid_unknown_fields=True):
    input: str | list[Any]
    model: str = "omni-moderation-latest"


_CATEGORIES = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip


def read_moderations(incoming: Incoming) -> Wanted:
    request = decoded(_MODERATE, incoming.body, refuse)
    given = request.input
    texts = [given] if isinstance(given, str) else [t if isinstance(t, str) else str(t.get("text", "")) for t in given]
    if not isinstance(given, str) and given and isinstance(given[0], dict):
        texts = ["".join(texts)]  # parts of one input
    if not texts:
        raise invalid_value("input", "input cannot be an empty array")

    def make(behaviour: Behaviour, stamp: Stamp) -> Reply:
        results = []
        for text in texts:
            bad = "violence" in text
            scores = {name: 0.9 if bad and name == "violence" else 0.01 for name in _CATEGORIES}
            results.append(
                {
                    "flagged": bad,
                    "categories": {name: score > 0.5 for name, score in scores.items()},
                    "category_scores": scores,
                    "category_applied_input_types": {name: ["text"] for name in _CATEGORIES},
                }
            )
        body = {"id": f"modr-{stamp.ident.decode()}", "model": request.model, "results": results}
        return Reply(wire.encode(body))

    return Wanted(request.model, make)


class Complete(msgspec.Struct, forbid_unknown_fields=True):
    """The legacy completions; what only shapes the sampling is taken unread."""

    model: str
    prompt: str | list[Any] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    n: int | None = None
    best_of: int | None = None
    echo: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    logprobs: int | None = None
    logit_bias: dict[str, float] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    suffix: str | None = None
    user: str | None = None


def read_completions(incoming: Incoming) -> Wanted:
    request = decoded(_COMPLETE, incoming.body, refuse)
    prompts = texts_of(request.prompt if request.prompt is not None else "<|endoftext|>")
    if request.stream_options is not None and not request.stream:
        raise Refusal(400, "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
    asked = Asked(model=request.model, limit=request.max_tokens or 16, choices=len(prompts) * (request.n or 1))
    asked.message("user", *prompts)
    with_usage = request.stream_options is not None and request.stream_options.include_usage is True

    def make(behaviour: Behaviour, stamp: Stamp) -> Reply:
        said = compose(asked, behaviour)
        head = {"id": f"cmpl-{stamp.ident.decode()}", "object": "text_completion", "created": stamp.created,
                "model": request.model}  # fmt: skip
        used = {
            "prompt_tokens": said.prompt_tokens,
            "completion_tokens": said.completion_tokens,
            "total_tokens": said.prompt_tokens + said.completion_tokens,
        }

        def choices(text: str, finish: str | None) -> list[dict[str, Any]]:
            return [
                {"text": text, "index": at, "logprobs": None, "finish_reason": finish} for at in range(said.choices)
            ]

        def events() -> Iterator[list[bytes]]:
            for piece in said.pieces:
                yield [sse("", {**head, "choices": choices(piece, None)})]
            closing = [sse("", {**head, "choices": choices("", said.finish)})]
            if with_usage and not behaviour.no_usage:
                closing.append(sse("", {**head, "choices": [], "usage": used}))
            yield [*closing, wire.DONE]

        if request.stream:
            return Reply(groups=events(), tokens=len(said.pieces), prompt_tokens=said.prompt_tokens,
                         completion_tokens=said.completion_tokens)  # fmt: skip
        body = {**head, "choices": choices(said.text, said.finish)}
        if not behaviour.no_usage:
            body["usage"] = used
        return Reply(wire.encode(body), prompt_tokens=said.prompt_tokens, completion_tokens=said.completion_tokens)

    return Wanted(request.model, make, request.stream is True)


def authorise(incoming: Incoming) -> None:
    routes.authorise(incoming.headers)


_EMBED = msgspec.json.Decoder(Embed)
_MODERATE = msgspec.json.Decoder(Moderate)
_COMPLETE = msgspec.json.Decoder(Complete)

SPEAKER = Speaker(
    operations=(
        operation("POST", "/v1/responses", openai_responses.read),
        operation("POST", "/v1/embeddings", read_embeddings),
        operation("POST", "/v1/moderations", read_moderations),
        operation("POST", "/v1/completions", read_completions),
    ),
    authorise=authorise,
    error=lambda refusal, _: wire.error(refusal),
)
"""The chat and the models have ways of their own: see the server and ``routes``."""
