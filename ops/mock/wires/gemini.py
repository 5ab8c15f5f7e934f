"""Google's Gemini API, and the same models on Vertex AI. Source: Gemini API reference; Vertex AI REST reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ops.mock import wire
from ops.mock.answer import count
from ops.mock.behaviour import Behaviour
from ops.mock.refusal import Refusal
from ops.mock.wire import Stamp
from ops.mock.wires.gemini_request import Content, asked_of, in_camels, read_counted, read_request, refuse
from ops.mock.wires.openai import DIMENSIONS, vector
from ops.mock.wires.saying import Said, compose, prompt_tokens
from ops.mock.wires.speaking import (
    Incoming,
    Reply,
    Speaker,
    Wanted,
    bearer,
    decoded,
    operation,
    page,
    signature_of,
    sse,
)

_LISTED = ("gemini-2.5-flash", "gemini-2.5-pro")
_METHODS = ["generateContent", "countTokens", "batchEmbedContents"]
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def _read(stream: bool) -> Callable[[Incoming], Wanted]:
    def read(incoming: Incoming) -> Wanted:
        model = incoming.path["model"]
        request = read_request(incoming.body)
        asked = asked_of(request, model, stream=stream)
        array = stream and incoming.query.get("alt") != "sse"

        def make(behaviour: Behaviour, stamp: Stamp) -> Reply:
            said = compose(asked, behaviour)
            counts: dict[str, Any] = {"prompt_tokens": said.prompt_tokens, "completion_tokens": said.completion_tokens}
            answer = _Answer(said, stamp, model, no_usage=behaviour.no_usage)
            if not stream:
                return Reply(wire.encode(answer.body(answer.parts(), done=True)), **counts)
            groups = answer.listed() if array else answer.events()
            return Reply(groups=groups, kind=wire.JSON if array else b"", tokens=said.steps, **counts)

        return Wanted(model, make, stream)

    return read


class _Answer:
    """One answer: whole, and in pieces that are each an answer of its own."""

    def __init__(self, said: Said, stamp: Stamp, model: str, *, no_usage: bool) -> None:
        self._said = said
        self._stamp = stamp
        self._model = model
        self._no_usage = no_usage

    def body(self, parts: list[dict[str, Any]], *, done: bool) -> dict[str, Any]:
        said = self._said
        candidates = []
        for index in range(said.choices):
            candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": index}
            if done:
                candidate["finishReason"] = "MAX_TOKENS" if said.finish == "length" else "STOP"
            candidates.append(candidate)
        body: dict[str, Any] = {"candidates": candidates}
        if not self._no_usage:
            body["usageMetadata"] = self._usage(done)
        return {**body, "modelVersion": self._model, "responseId": self._stamp.ident.decode()}

    def _usage(self, done: bool) -> dict[str, Any]:
        said = self._said
        used: dict[str, Any] = {"promptTokenCount": said.prompt_tokens}
        total = said.prompt_tokens
        if done:
            used["candidatesTokenCount"] = said.completion_tokens - said.thought_tokens
            total += said.completion_tokens
            if said.thoughts:
                used["thoughtsTokenCount"] = said.thought_tokens
        details = [{"modality": "TEXT", "tokenCount": said.prompt_tokens}]
        return {**used, "totalTokenCount": total, "promptTokensDetails": details}

    def _signed(self) -> dict[str, str]:
        """The mark that the first call, or the last text, carries when there were thoughts."""
        return {"thoughtSignature": signature_of(self._said.thought)} if self._said.thoughts else {}

    def _calls(self) -> list[dict[str, Any]]:
        return [
            {"functionCall": {"name": call.name, "args": call.arguments}, **(self._signed() if index == 0 else {})}
            for index, call in enumerate(self._said.calls)
        ]

    def parts(self) -> list[dict[str, Any]]:
        said = self._said
        found: list[dict[str, Any]] = [{"text": said.thought, "thought": True}] if said.thoughts else []
        if said.calls:
            return found + self._calls()
        return [*found, {"text": said.text, **self._signed()}]

    def bodies(self) -> Iterator[dict[str, Any]]:
        said = self._said
        for piece in said.thoughts:
            yield self.body([{"text": piece, "thought": True}], done=False)
        if said.calls:
            yield self.body(self._calls(), done=True)
            return
        for piece in said.pieces[:-1]:
            yield self.body([{"text": piece}], done=False)
        yield self.body([{"text": said.pieces[-1], **self._signed()}], done=True)

    def events(self) -> Iterator[list[bytes]]:
        for body in self.bodies():
            # this API ends its lines as it ends those of HTTP
            yield [sse("", body).replace(b"\n\n", b"\r\n\r\n")]

    def listed(self) -> Iterator[list[bytes]]:
        before = b"["
        for body in self.bodies():
            yield [before + wire.encode(body)]
            before = b",\r\n"
        yield [b"]"]


def _count(incoming: Incoming) -> Wanted:
    model = incoming.path["model"]
    tokens = prompt_tokens(asked_of(read_counted(incoming.body), model, stream=False))
    told = {"totalTokens": tokens, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}]}
    return Wanted(model, lambda _, __: Reply(wire.encode(told)))


class Embed(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    content: Content
    model: str | None = None
    task_type: str | None = None
    title: str | None = None
    output_dimensionality: int | None = None
    auto_truncate: bool | None = None

    def values(self) -> list[float]:
        text = "".join(part.text or "" for part in self.content.parts)
        if not text:
            raise Refusal(400, "* EmbedContentRequest.content: contains an empty Part.")
        return vector(text, self.output_dimensionality or DIMENSIONS)


class EmbedMany(msgspec.Struct, forbid_unknown_fields=True):
    requests: list[Embed]


class Instance(msgspec.Struct, forbid_unknown_fields=True):
    content: str
    task_type: str | None = None
    title: str | None = None


class Parameters(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    output_dimensionality: int | None = None
    auto_truncate: bool | None = None


class Predict(msgspec.Struct, forbid_unknown_fields=True):
    instances: list[Instance]
    parameters: Parameters | None = None


_EMBED = msgspec.json.Decoder(Embed)
_EMBED_MANY = msgspec.json.Decoder(EmbedMany)
_PREDICT = msgspec.json.Decoder(Predict)


def _embed(incoming: Incoming) -> Wanted:
    told = {"embedding": {"values": decoded(_EMBED, in_camels(incoming.body), refuse).values()}}
    return Wanted(incoming.path["model"], lambda _, __: Reply(wire.encode(told)))


def _embed_many(incoming: Incoming) -> Wanted:
    model = incoming.path["model"]
    requests = decoded(_EMBED_MANY, in_camels(incoming.body), refuse).requests
    if not 1 <= len(requests) <= 100:
        raise Refusal(400, "* BatchEmbedContentsRequest.requests: from 1 to 100 requests can be in one batch")
    for index, each in enumerate(requests):
        if each.model != f"models/{model}":
            raise Refusal(400, f"* BatchEmbedContentsRequest.requests[{index}].model: must be models/{model}")
    told = {"embeddings": [{"values": each.values()} for each in requests]}
    return Wanted(model, lambda _, __: Reply(wire.encode(told)))


def _predict(incoming: Incoming) -> Wanted:
    request = decoded(_PREDICT, incoming.body, refuse)
    size = (request.parameters and request.parameters.output_dimensionality) or DIMENSIONS
    if not 1 <= len(request.instances) <= 250:
        raise Refusal(400, "From 1 to 250 instances can be in one request.")
    told = []
    for each in request.instances:
        statistics = {"token_count": count(each.content), "truncated": False}
        told.append({"embeddings": {"values": vector(each.content, size), "statistics": statistics}})
    used = sum(count(each.content) for each in request.instances)
    body = wire.encode({"predictions": told})
    return Wanted(incoming.path["model"], lambda _, __: Reply(body, prompt_tokens=used))


def _model(name: str) -> dict[str, Any]:
    return {
        "name": f"models/{name}", "version": "001", "displayName": name, "description": "A model of the mock provider.",
        "inputTokenLimit": 1048576, "outputTokenLimit": 65536, "supportedGenerationMethods": _METHODS,
    }  # fmt: skip


def _authorise(incoming: Incoming) -> None:
    key = incoming.header(b"x-goog-api-key") or incoming.query.get("key", "")
    if not key:
        raise Refusal(
            403,
            "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or "
            "other form of API consumer identity to call this API.",
        )
    if key.startswith("sk-bad"):
        raise Refusal(400, "API key not valid. Please pass a valid API key.", code="API_KEY_INVALID")


def _authorise_vertex(incoming: Incoming) -> None:
    if not bearer(incoming.headers) or bearer(incoming.headers).startswith("sk-bad"):
        raise Refusal(401, "Request had invalid authentication credentials. Expected OAuth 2 access token.")


def _error(refusal: Refusal, ident: str) -> bytes:
    fallback = "INTERNAL" if refusal.status >= 500 else "INVALID_ARGUMENT"
    told: dict[str, Any] = {"code": refusal.status, "message": refusal.message}
    told["status"] = _STATUS.get(refusal.status, fallback)
    if refusal.code == "API_KEY_INVALID":
        info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID",
                "domain": "googleapis.com"}  # fmt: skip
        told["details"] = [info]
    return wire.encode({"error": told})


_MODELS = "/{version}/models"
SPEAKER = Speaker(
    operations=(
        operation("POST", _MODELS + "/{model}:generateContent", _read(False)),
        operation("POST", _MODELS + "/{model}:streamGenerateContent", _read(True)),
        operation("POST", _MODELS + "/{model}:countTokens", _count),
        operation("POST", _MODELS + "/{model}:embedContent", _embed),
        operation("POST", _MODELS + "/{model}:batchEmbedContents", _embed_many),
        operation("GET", _MODELS, lambda _: page({"models": [_model(name) for name in _LISTED]}), listed=True),
        operation("GET", _MODELS + "/{model}", lambda each: page(_model(each.path["model"])), listed=True),
    ),
    authorise=_authorise,
    error=_error,
)
_PUBLISHED = "/{version}/projects/{project}/locations/{location}/publishers/google/models/{model}"
VERTEX = Speaker(
    operations=(
        operation("POST", _PUBLISHED + ":generateContent", _read(False)),
        operation("POST", _PUBLISHED + ":streamGenerateContent", _read(True)),
        operation("POST", _PUBLISHED + ":countTokens", _count),
        operation("POST", _PUBLISHED + ":predict", _predict),
    ),
    authorise=_authorise_vertex,
    error=_error,
)
