"""Cohere's API, version 2: chat, embed, rerank; and its models. Source: Cohere API reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from ops.mock import wire
from ops.mock.answer import count
from ops.mock.behaviour import Behaviour
from ops.mock.refusal import Refusal
from ops.mock.wire import Stamp
from ops.mock.wires.cohere_request import asked_of, read_request, refuse
from ops.mock.wires.openai import DIMENSIONS, packed, vector
from ops.mock.wires.saying import Said, compose
from ops.mock.wires.speaking import Incoming, Reply, Speaker, Wanted, bearer, decoded, operation, page, sse

_STOPS = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool_calls": "TOOL_CALL"}
_LISTED = ("command-a-03-2025", "embed-v4.0", "rerank-v3.5")


def _chat(incoming: Incoming) -> Wanted:
    request = read_request(incoming.body)
    asked = asked_of(request)

    def make(behaviour: Behaviour, stamp: Stamp) -> Reply:
        said = compose(asked, behaviour)
        counts: dict[str, Any] = {"prompt_tokens": said.prompt_tokens, "completion_tokens": said.completion_tokens}
        used = None if behaviour.no_usage else _usage(said)
        if asked.stream:
            return Reply(groups=_events(said, stamp, used), tokens=said.steps, **counts)
        body: dict[str, Any] = {"id": stamp.ident.decode(), "message": _message(said, stamp)}
        body["finish_reason"] = _STOPS[said.finish]
        if used is not None:
            body["usage"] = used
        return Reply(wire.encode(body), **counts)

    return Wanted(request.model, make, asked.stream)


def _usage(said: Said) -> dict[str, Any]:
    tokens = {"input_tokens": said.prompt_tokens, "output_tokens": said.completion_tokens}
    return {"billed_units": tokens, "tokens": tokens, "cached_tokens": 0}


def _calls(said: Said, stamp: Stamp) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{call.name}_{stamp.ident.decode()}{index:02x}",
            "type": "function",
            "function": {"name": call.name, "arguments": "".join(call.pieces)},
        }
        for index, call in enumerate(said.calls)
    ]


def _plan(said: Said) -> str:
    return f"I will use {', '.join(call.name for call in said.calls)}."


def _message(said: Said, stamp: Stamp) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "thinking", "thinking": said.thought}] if said.thoughts else []
    message: dict[str, Any] = {"role": "assistant"}
    if said.calls:
        message["tool_plan"] = _plan(said)
        message["tool_calls"] = _calls(said, stamp)
    else:
        content.append({"type": "text", "text": said.text})
    if content:
        message["content"] = content
    return message


def _events(said: Said, stamp: Stamp, used: dict[str, Any] | None) -> Iterator[list[bytes]]:
    def event(kind: str, message: dict[str, Any] | None = None, **more: Any) -> bytes:
        told = {} if message is None else {"delta": {"message": message}}
        return sse(kind, {"type": kind, **more, **told})

    empty = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    yield [event("message-start", empty, id=stamp.ident.decode())]
    index = 0
    for kind, pieces in (("thinking", said.thoughts), ("text", said.pieces)):
        if not pieces:
            continue
        yield [event("content-start", {"content": {"type": kind, kind: ""}}, index=index)]
        for piece in pieces:
            yield [event("content-delta", {"content": {kind: piece}}, index=index)]
        yield [event("content-end", index=index)]
        index += 1
    if said.calls:
        yield [event("tool-plan-delta", {"tool_plan": _plan(said)})]
    for at, (call, told) in enumerate(zip(said.calls, _calls(said, stamp), strict=True)):
        told["function"] = {**told["function"], "arguments": ""}
        yield [event("tool-call-start", {"tool_calls": told}, index=at)]
        for piece in call.pieces:
            yield [event("tool-call-delta", {"tool_calls": {"function": {"arguments": piece}}}, index=at)]
        yield [event("tool-call-end", index=at)]
    ending: dict[str, Any] = {"finish_reason": _STOPS[said.finish]}
    if used is not None:
        ending["usage"] = used
    yield [sse("message-end", {"type": "message-end", "delta": ending})]


class Embed(msgspec.Struct, forbid_unknown_fields=True):
    model: str
    input_type: Literal["search_document", "search_query", "classification", "clustering", "image"]
    texts: list[str] | None = None
    images: list[str] | None = None
    inputs: list[dict[str, Any]] | None = None
    embedding_types: list[Literal["float", "int8", "uint8", "binary", "ubinary", "base64"]] | None = None
    output_dimension: Literal[256, 512, 1024, 1536] | None = None
    truncate: Literal["NONE", "START", "END"] | None = None
    max_tokens: int | None = None
    priority: int | None = None


class Rerank(msgspec.Struct, forbid_unknown_fields=True):
    model: str
    query: str
    documents: list[str]
    top_n: int | None = None
    max_tokens_per_doc: int | None = None
    priority: int | None = None


_EMBED = msgspec.json.Decoder(Embed)
_RERANK = msgspec.json.Decoder(Rerank)


def _embed(incoming: Incoming) -> Wanted:
    request = decoded(_EMBED, incoming.body, refuse)
    given = [each for each in (request.texts, request.images, request.inputs) if each]
    if len(given) != 1:
        raise Refusal(400, "invalid request: exactly one of texts, images or inputs must be specified")
    if len(given[0]) > 96:
        raise Refusal(400, f"invalid request: total number of texts must be at most 96 - received {len(given[0])}")
    texts = [each if isinstance(each, str) else msgspec.json.encode(each).decode() for each in given[0]]
    used = sum(map(count, texts))
    size = request.output_dimension or DIMENSIONS

    def make(behaviour: Behaviour, stamp: Stamp) -> Reply:
        found: dict[str, Any] = {}
        for kind in request.embedding_types or ["float"]:
            vectors = [vector(text, size) for text in texts]
            if kind == "base64":
                found[kind] = [packed(each) for each in vectors]
            elif kind == "float":
                found[kind] = vectors
            else:
                found[kind] = [[int(number * 127) for number in each] for each in vectors]
        meta: dict[str, Any] = {"api_version": {"version": "2"}}
        if not behaviour.no_usage:
            meta["billed_units"] = {"input_tokens": used}
        body = {"id": stamp.ident.decode(), "embeddings": found, "texts": request.texts or [], "meta": meta,
                "response_type": "embeddings_by_type"}  # fmt: skip
        return Reply(wire.encode(body), prompt_tokens=used)

    return Wanted(request.model, make)


def ranked(query: str, documents: list[str], most: int | None) -> list[tuple[int, float]]:
    """Positions and scores, best first: the share of the query's words that a document has."""
    words = set(query.lower().split()) or {""}
    scores = [(at, round(len(words & set(text.lower().split())) / len(words), 4)) for at, text in enumerate(documents)]
    return sorted(scores, key=lambda each: -each[1])[:most]


def read_rerank(incoming: Incoming) -> Wanted:
    """Also for those who took over this format."""
    request = decoded(_RERANK, incoming.body, refuse)
    if not request.documents or not request.query:
        raise Refusal(400, "invalid request: query and documents must not be empty")
    if request.top_n is not None and request.top_n < 1:
        raise Refusal(400, "invalid request: top_n must be at least 1")

    def make(behaviour: Behaviour, stamp: Stamp) -> Reply:
        meta: dict[str, Any] = {"api_version": {"version": "2"}}
        if not behaviour.no_usage:
            meta["billed_units"] = {"search_units": 1}
        found = ranked(request.query, request.documents, request.top_n)
        results = [{"index": at, "relevance_score": score} for at, score in found]
        return Reply(wire.encode({"id": stamp.ident.decode(), "results": results, "meta": meta}))

    return Wanted(request.model, make)


def _models(incoming: Incoming) -> Wanted:
    endpoints = {"command": ["chat"], "embed": ["embed"], "rerank": ["rerank"]}
    models = [
        {"name": name, "endpoints": endpoints[name.partition("-")[0]], "finetuned": False, "context_length": 256000,
         "tokenizer_url": "", "default_endpoints": [], "features": []}
        for name in _LISTED
    ]  # fmt: skip
    return page({"models": models, "next_page_token": ""})


def _authorise(incoming: Incoming) -> None:
    if not bearer(incoming.headers):
        raise Refusal(401, "no api key supplied")
    if bearer(incoming.headers).startswith("sk-bad"):
        raise Refusal(401, "invalid api token")


SPEAKER = Speaker(
    operations=(
        operation("POST", "/v2/chat", _chat),
        operation("POST", "/v2/embed", _embed),
        operation("POST", "/v2/rerank", read_rerank),
        operation("GET", "/v1/models", _models, listed=True),
    ),
    authorise=_authorise,
    error=lambda refusal, ident: wire.encode({"id": ident, "message": refusal.message}),
)
