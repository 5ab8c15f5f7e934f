"""Laws of embeddings, rerank and moderation: what is asked arrives, what comes back is what was told, named errors."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingress.codecs.codec import Malformed
from ingress.codecs.cohere.rerank import CohereRerank
from ingress.codecs.gemini.embeddings import PURPOSES, GeminiEmbeddings
from ingress.codecs.openai.embeddings import OpenAIEmbeddings
from ingress.codecs.openai.moderations import OpenAIModerations
from ingress.codecs.registry import ONE_SHOT
from ingress.codecs.vectors import MOST, read_vector, write_vector
from schemas.conversation.answer import Embeddings
from schemas.conversation.ask import Embed, Rerank
from schemas.errors import InvalidRequest
from schemas.facts.traffic import Usage
from tests.unit.ingress.codecs.conversations import NAMES, WORDS
from tests.unit.ingress.codecs.test_laws import JSON

SOME = settings(max_examples=25, deadline=None)
EMBEDDING = [codec for name, codec in ONE_SHOT.items() if "embeddings" in name]
RANKING = [codec for name, codec in ONE_SHOT.items() if "rerank" in name]
FLOATS = st.floats(-1, 1, width=32)
VECTORS = st.lists(st.lists(FLOATS, min_size=2, max_size=3), min_size=1, max_size=3)


@st.composite
def embeds(draw: st.DrawFn) -> Embed:
    texts = draw(st.lists(WORDS, min_size=1, max_size=3))
    return Embed(
        model=draw(NAMES),
        texts=tuple(texts),
        dimensions=draw(st.none() | st.integers(1, 4_096)),
        purpose=draw(st.sampled_from(sorted(set(PURPOSES.values())))),
        user=draw(st.just("") | NAMES),
        title=draw(st.just("") | WORDS),
        truncate=draw(st.none() | st.booleans()),
        base64=draw(st.booleans()),
        many=len(texts) > 1 or draw(st.booleans()),
    )


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in _strings(each)]


def _sent(name: str, body: dict[str, Any]) -> list[str]:
    """The texts, where the provider's document has them."""
    match name:
        case "cohere_embeddings":
            return list(body["texts"])
        case "gemini_embeddings":
            return [part["text"] for each in body["requests"] for part in each["content"]["parts"]]
        case "vertex_embeddings":
            return [each["content"] for each in body["instances"]]
    return [body["input"]] if isinstance(body["input"], str) else list(body["input"])


@pytest.mark.parametrize("codec", EMBEDDING, ids=lambda codec: codec.name)
@SOME
@given(ask=embeds())
def test_every_text_arrives_in_order_and_what_does_not_is_named(codec: Any, ask: Embed) -> None:
    written = codec.write_request(ask)
    assert _sent(codec.name, written.body) == list(ask.texts)
    assert written.body["model"] == ask.model
    said = _strings(written.body)
    for field, value in (("user", ask.user), ("title", ask.title)):
        assert not value or field in written.dropped or value in said
    assert ask.dimensions is None or str(ask.dimensions) in msgspec.json.encode(written.body).decode()


def _answers(name: str, vectors: list[list[float]]) -> dict[str, Any]:
    """What providers answer, from their documents; here it took seven tokens a text."""
    count = len(vectors) * 7
    match name:
        case "cohere_embeddings":
            return {"embeddings": {"float": vectors}, "meta": {"billed_units": {"input_tokens": count}}}
        case "gemini_embeddings":
            return {"embeddings": [{"values": each} for each in vectors], "usageMetadata": {"promptTokenCount": count}}
        case "vertex_embeddings":
            return {"predictions": [{"embeddings": {"values": v, "statistics": {"token_count": 7}}} for v in vectors]}
    data = [{"object": "embedding", "index": at, "embedding": each} for at, each in enumerate(vectors)]
    return {"object": "list", "data": data[::-1], "model": "m", "usage": {"total_tokens": count}}


@pytest.mark.parametrize("codec", EMBEDDING, ids=lambda codec: codec.name)
@SOME
@given(vectors=VECTORS)
def test_vectors_are_read_in_the_order_of_the_texts(codec: Any, vectors: list[list[float]]) -> None:
    read = codec.read_answer(msgspec.json.encode(_answers(codec.name, vectors)))
    assert read.vectors == tuple(tuple(each) for each in vectors)
    assert read.usage == Usage(len(vectors) * 7)


@SOME
@given(ask=embeds(), vectors=VECTORS)
def test_openai_reads_what_it_wrote(ask: Embed, vectors: list[list[float]]) -> None:
    codec = OpenAIEmbeddings()
    again = codec.read_request(codec.write_request(ask).body)
    assert (again.model, again.texts, again.dimensions, again.user) == (ask.model, ask.texts, ask.dimensions, ask.user)
    answer = Embeddings(model="m", vectors=tuple(tuple(each) for each in vectors), usage=Usage(3))
    assert codec.read_answer(msgspec.json.encode(codec.write_answer(answer, ask))) == answer


@SOME
@given(ask=embeds())
def test_gemini_reads_what_it_wrote(ask: Embed) -> None:
    codec = GeminiEmbeddings()
    again = codec.read_request(codec.write_request(ask).body)
    assert (again.texts, again.purpose, again.dimensions, again.title) == (
        ask.texts, ask.purpose, ask.dimensions, ask.title
    )  # fmt: skip


@pytest.mark.parametrize("tokens", [[1, 2, 3], [[1, 2], [3]]])
def test_tokens_go_to_those_who_can_read_them(tokens: Any) -> None:
    ask = OpenAIEmbeddings().read_request({"model": "m", "input": tokens})
    assert msgspec.json.encode(OpenAIEmbeddings().write_request(ask).body["input"]) in (
        msgspec.json.encode(tokens), msgspec.json.encode([tokens])
    )  # fmt: skip
    for codec in EMBEDDING:
        if codec.name != "openai_embeddings":
            with pytest.raises(InvalidRequest, match="input"):
                codec.write_request(ask)


@pytest.mark.parametrize("given_input", [None, "", [], [""], [1, "a"], [[]], [True], {}, [-1], 5])
def test_an_input_that_is_none_is_refused_by_its_name(given_input: Any) -> None:
    with pytest.raises(InvalidRequest, match="'input'"):
        OpenAIEmbeddings().read_request({"model": "m", "input": given_input})


def test_a_batch_of_gemini_asks_for_one_thing() -> None:
    one = {"content": {"parts": [{"text": "a"}]}, "taskType": "CLUSTERING"}
    other = {"content": {"parts": [{"text": "b"}]}, "taskType": "CLASSIFICATION"}
    with pytest.raises(InvalidRequest, match="taskType"):
        GeminiEmbeddings().read_request({"model": "m", "requests": [one, other]})


@SOME
@given(vector=st.lists(FLOATS, max_size=4))
def test_a_vector_in_base64_is_the_same(vector: list[float]) -> None:
    assert read_vector(write_vector(tuple(vector), as_base64=True)) == tuple(vector)


@pytest.mark.parametrize("value", [None, "no base64!", "AAA=", [True], ["a"], [MOST * 2], [10**400], {}])
def test_what_is_no_vector_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="vector"):
        read_vector(value)


@pytest.mark.parametrize("codec", RANKING, ids=lambda codec: codec.name)
@SOME
@given(scores=st.lists(st.floats(0, 1), min_size=1, max_size=4), wanted=st.none() | st.integers(1, 3))
def test_an_order_is_read_best_first(codec: Any, scores: list[float], wanted: int | None) -> None:
    ask = Rerank(model="m", query="q", documents=tuple(f"d{at}" for at in range(len(scores))), top_n=wanted)
    body = codec.write_request(ask).body
    assert body["documents"] == list(ask.documents)
    assert body.get("top_n", body.get("top_k")) == wanted
    told = [{"index": at, "relevance_score": score} for at, score in enumerate(scores)]
    raw = msgspec.json.encode({"results": told, "data": told, "usage": {"total_tokens": 5}})
    order = codec.read_answer(raw).order
    assert sorted(order) == sorted(enumerate(scores))
    assert [score for _, score in order] == sorted(scores, reverse=True)


def test_whoever_wants_the_documents_back_gets_them() -> None:
    codec = CohereRerank()
    ask = codec.read_request({"model": "m", "query": "q", "documents": ["a", {"text": "b"}], "return_documents": True})
    answer = codec.read_answer(b'{"id": "1", "results": [{"index": 1, "relevance_score": 0.5}]}')
    assert codec.write_answer(answer, ask)["results"] == [
        {"index": 1, "relevance_score": 0.5, "document": {"text": "b"}}
    ]


def test_a_moderation_without_a_flag_is_flagged_by_its_categories() -> None:
    raw = b'{"id": "1", "model": "m", "results": [{"categories": {"pii": true}, "category_scores": {"pii": 0.9}}]}'
    (verdict,) = OpenAIModerations().read_answer(raw).verdicts
    assert (verdict.flagged, verdict.scores) == (True, {"pii": 0.9})


FORMS = ["data", "embedding", "index", "usage", "results", "categories", "predictions", "embeddings", "values", "float"]


@pytest.mark.parametrize("codec", ONE_SHOT.values(), ids=ONE_SHOT)
@SOME
@given(raw=st.binary(max_size=40) | JSON.map(msgspec.json.encode), data=st.data())
def test_bytes_of_providers_raise_nothing_but_malformed(codec: Any, raw: bytes, data: st.DataObject) -> None:
    names = st.sampled_from(FORMS)
    values = st.sampled_from(["", "AAAA", 0, -1, 2**63, 1.5, 1e300, True, None])
    tree = st.recursive(
        values, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3), max_leaves=8
    )
    near = msgspec.json.encode(data.draw(st.dictionaries(names, tree, max_size=4)))
    for each in (raw, near):
        assert isinstance(codec.read_error(each).message, str)
        try:
            codec.read_answer(each)
        except Malformed as error:
            assert str(error)


FRONTS = [codec for codec in ONE_SHOT.values() if hasattr(codec, "read_request")]
ASKED = ["model", "input", "requests", "content", "parts", "text", "documents", "query", "taskType", "type"]


@pytest.mark.parametrize("codec", FRONTS, ids=lambda codec: codec.name)
@SOME
@given(body=st.dictionaries(st.sampled_from(ASKED), JSON))
def test_reading_a_request_raises_nothing_but_its_error(codec: Any, body: dict[str, Any]) -> None:
    try:
        codec.read_request(body)
    except InvalidRequest as error:
        assert error.message
