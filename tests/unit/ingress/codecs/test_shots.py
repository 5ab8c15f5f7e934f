"""Operations without streams: what is looked at, what passes, what is written anew for another provider."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingress.codecs.asked import Asked, parse
from ingress.codecs.codec import Malformed
from ingress.codecs.fronts import COMPLETIONS
from ingress.codecs.passage import Stamp
from ingress.codecs.shot_fronts import COUNT_TOKENS, EMBEDDINGS, GEMINI_COUNT, GEMINI_EMBED, MODERATIONS, RERANK
from ingress.codecs.shots import ShotFront, parse_shot
from ingress.providers.outgoing import Outgoing, prepare
from schemas.aggregates.provider import Provider
from schemas.errors import InvalidRequest
from schemas.facts.traffic import Usage
from schemas.wires import WIRES

STAMP = Stamp("r1", "named", 7)


def account(wire: str) -> Provider:
    return Provider(id="a", tenant="t", wire=wire, base_url="http://127.0.0.1:1", region="r", project="p")


def shot(front: ShotFront, body: dict[str, Any], **said: Any) -> Asked:
    return parse_shot(json.dumps(body).encode(), front, said)


def sent(asked: Asked, wire: str) -> tuple[Outgoing, dict[str, Any]]:
    outgoing = prepare(asked, account(wire), "up", asked.max_output)
    return outgoing, json.loads(outgoing.body)


def answered(asked: Asked, outgoing: Outgoing, told: dict[str, Any]) -> tuple[dict[str, Any], Usage | None]:
    answer = asked.answered(json.dumps(told).encode(), outgoing.codec, STAMP)
    return json.loads(answer.raw), answer.usage


def test_a_request_in_the_provider_s_own_protocol_keeps_what_nobody_here_knows() -> None:
    asked = shot(EMBEDDINGS, {"model": "m", "input": ["a", "b"], "new_field": {"x": 1}, "user": "u"})
    assert (asked.model, asked.turns, asked.user, asked.choices, asked.opaque) == ("m", 2, "u", 0, False)
    outgoing, body = sent(asked, "openai")
    assert (outgoing.path, outgoing.crossed) == ("/embeddings", False)
    assert body == {"model": "up", "input": ["a", "b"], "new_field": {"x": 1}, "user": "u"}
    told = {"object": "list", "data": [{"embedding": [0.5]}], "usage": {"prompt_tokens": 3}, "more": 1}
    assert answered(asked, outgoing, told) == (told, Usage(3))


def test_embeddings_of_another_provider_are_written_anew_and_losses_named() -> None:
    asked = shot(EMBEDDINGS, {"model": "m", "input": "a", "user": "u", "dimensions": 2})
    outgoing, body = sent(asked, "cohere")
    assert outgoing.crossed and outgoing.dropped == ("user",) and outgoing.path == "/v2/embed"
    assert (body["texts"], body["output_dimension"]) == (["a"], 2)
    told, usage = answered(
        asked, outgoing, {"embeddings": {"float": [[1.0, 2.0]]}, "meta": {"billed_units": {"input_tokens": 4}}}
    )
    assert told["data"] == [{"object": "embedding", "index": 0, "embedding": [1.0, 2.0]}]
    assert (told["model"], usage) == ("named", Usage(4))


def test_strict_refuses_what_would_be_dropped() -> None:
    asked = shot(EMBEDDINGS, {"model": "m", "input": "a", "user": "u"})
    with pytest.raises(InvalidRequest) as refused:
        prepare(asked, account("cohere"), "up", None, strict=True)
    assert (refused.value.error_code, refused.value.param) == ("endpoint_unsupported", "user")


@pytest.mark.parametrize("given", [[1, 2, 3], [[1, 2], [3]]])
def test_tokens_are_counted_and_cannot_be_read(given: Any) -> None:
    asked = shot(EMBEDDINGS, {"model": "m", "input": given})
    assert asked.opaque and asked.more_tokens == 3 and asked.texts() == []
    completion = parse(json.dumps({"model": "m", "prompt": given}).encode(), COMPLETIONS)
    assert completion.opaque and completion.more_tokens == 3


def test_gemini_embeds_one_or_many_at_the_path_for_it() -> None:
    one = shot(GEMINI_EMBED, {"content": {"parts": [{"text": "a"}]}, "later": 1}, model="m")
    outgoing, body = sent(one, "gemini")
    assert outgoing.path == "/models/up:embedContent" and body == {"content": {"parts": [{"text": "a"}]}, "later": 1}
    part = {"model": "models/m", "content": {"parts": [{"text": "a"}]}}
    many = shot(GEMINI_EMBED, {"requests": [part, part]}, model="m")
    outgoing, body = sent(many, "gemini")
    assert outgoing.path == "/models/up:batchEmbedContents"
    assert [each["model"] for each in body["requests"]] == ["models/up", "models/up"]
    outgoing, body = sent(one, "openai")
    assert body["input"] == "a" and outgoing.dropped == ("later",)
    told, _ = answered(one, outgoing, {"data": [{"index": 0, "embedding": [1.0]}]})
    assert told == {"embedding": {"values": [1.0]}}


def test_moderations_have_a_model_by_default() -> None:
    asked = shot(MODERATIONS, {"input": "a"})
    assert asked.model == "omni-moderation-latest"
    assert sent(asked, "mistral")[1] == {"model": "up", "input": "a"}


def test_a_rerank_pays_for_its_query_with_every_document() -> None:
    asked = shot(RERANK, {"model": "m", "query": "four", "documents": ["a", "b", "c"], "return_documents": True})
    assert asked.more_tokens == 8 and [slot.text for slot in asked.texts()] == ["four", "a", "b", "c"]
    outgoing, body = sent(asked, "voyage")
    assert body == {"model": "up", "query": "four", "documents": ["a", "b", "c"]}
    ranking = {"data": [{"index": 1, "relevance_score": 0.9}], "usage": {"total_tokens": 9}}
    raw = json.dumps(ranking).encode()
    answer = asked.answered(raw, outgoing.codec, STAMP)
    body, slots = answer.decoded()
    assert body["results"] == [{"index": 1, "relevance_score": 0.9, "document": {"text": "b"}}]
    assert [slot.text for slot in slots] == ["b"] and body["id"] == "r1" and answer.usage == Usage(9)


MESSAGE = {"model": "m", "max_tokens": 9, "system": "s", "messages": [{"role": "user", "content": "a"}]}


def test_counts_cross_between_those_who_count() -> None:
    asked = shot(COUNT_TOKENS, MESSAGE)
    assert asked.free
    outgoing, body = sent(asked, "gemini")
    assert outgoing.path == "/models/up:countTokens" and set(body) == {"generateContentRequest"}
    whole = body["generateContentRequest"]
    assert (whole["model"], whole["contents"][0]["parts"]) == ("models/up", [{"text": "a"}])
    assert answered(asked, outgoing, {"totalTokens": 12})[0] == {"input_tokens": 12}
    assert set(sent(asked, "vertex")[1]) <= {"contents", "systemInstruction", "generationConfig"}
    other = shot(GEMINI_COUNT, {"contents": [{"role": "user", "parts": [{"text": "a"}]}]}, model="m")
    outgoing, body = sent(other, "anthropic")
    assert set(body) == {"model", "messages"} and outgoing.path == "/messages/count_tokens"
    assert answered(other, outgoing, {"input_tokens": 5})[0] == {"totalTokens": 5}


def test_completions_pass_where_there_are_some_and_become_chats_elsewhere() -> None:
    body = {"model": "m", "prompt": ["a", "b"], "n": 2, "best_of": 3, "stream": True, "suffix": "z"}
    asked = parse(json.dumps(body).encode(), COMPLETIONS)
    assert (asked.choices, asked.include_usage) == (6, False)
    outgoing, passed = sent(asked, "openai")
    assert outgoing.path == "/completions" and not outgoing.crossed
    assert passed == {**body, "model": "up", "stream_options": {"include_usage": True}}
    single = parse(json.dumps({"model": "m", "prompt": "a"}).encode(), COMPLETIONS)
    outgoing, passed = sent(single, "groq")
    assert outgoing.crossed and passed["messages"] == [{"role": "user", "content": "a"}]
    assert "prompt.continuation" in outgoing.dropped


@pytest.mark.parametrize("front", [EMBEDDINGS, MODERATIONS, RERANK])
def test_what_is_no_answer_is_named_so(front: ShotFront) -> None:
    asked = shot(front, {"model": "m", "input": "a", "query": "q", "documents": ["d"]})
    wire = "cohere" if front is RERANK else "openai"
    outgoing, _ = sent(asked, wire)
    for raw in (b"", b"{}", b"[1]", b'{"data":3,"results":3}', b"\xff"):
        if front is RERANK and raw == b"{}":
            continue  # nothing was found
        with pytest.raises(Malformed):
            asked.answered(raw, outgoing.codec, STAMP)


KINDS: dict[str, Asked] = {
    "embeddings": shot(EMBEDDINGS, {"model": "m", "input": "a"}),
    "moderations": shot(MODERATIONS, {"input": "a"}),
    "rerank": shot(RERANK, {"model": "m", "query": "q", "documents": ["d"]}),
    "count_tokens": shot(COUNT_TOKENS, MESSAGE),
    "completions": parse(b'{"model":"m","prompt":"a"}', COMPLETIONS),
}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_provider_is_asked_or_said_not_to_have_it(kind: str, wire: str) -> None:
    has = bool(WIRES[wire].chat) if kind == "completions" else getattr(WIRES[wire], kind) is not None
    try:
        outgoing = prepare(KINDS[kind], account(wire), "o/m", KINDS[kind].max_output)
    except InvalidRequest as error:
        assert error.error_code == "endpoint_unsupported" and not has
    else:
        assert has and outgoing.path.startswith("/") and "{" not in outgoing.path
