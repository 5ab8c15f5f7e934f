"""Operations besides conversations, through a real gateway: what is asked, answered, paid, refused and recorded."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import openai
import pytest

from schemas.aggregates.model import Model, Prices
from schemas.aggregates.provider import Provider
from schemas.facts import traffic
from tests.integration.gateway.town import House, Town

AWS_KEY = "AKIA" + "QWERTYUIOPASDFGH"
ANSWERS: dict[str, Any] = {
    "/v1/embeddings": {
        "object": "list", "model": "up", "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1.0]}],
        "usage": {"prompt_tokens": 4, "total_tokens": 4}, "unknown": True,
    },
    "/v1/moderations": {
        "id": "modr-1", "model": "omni",
        "results": [{"flagged": False, "categories": {"hate": False}, "category_scores": {"hate": 0.1}}],
    },
    "/v2/rerank": {"id": "r", "results": [{"index": 1, "relevance_score": 0.75}, {"index": 0, "relevance_score": 0.5}]},
    "/v1/completions": {
        "id": "cmpl-1", "object": "text_completion", "created": 1, "model": "up",
        "choices": [{"index": 0, "text": " world", "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3},
    },
    "/g/models/embed:embedContent": {"embedding": {"values": [0.25]}, "usageMetadata": {"promptTokenCount": 3}},
    "/g/models/flash:countTokens": {"totalTokens": 21},
    "/a/messages/count_tokens": {"input_tokens": 17},
}  # fmt: skip
PIECES = (
    {"choices": [{"index": 0, "text": " wor"}]},
    {"choices": [{"index": 0, "text": "ld", "finish_reason": "stop"}]},
    {"choices": [], "usage": {"prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4}},
)


class Upstream(BaseHTTPRequestHandler):
    """Answers by path, and remembers what it was asked."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[tuple[str, dict[str, Any]]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append((self.path, body))
        content, kind = json.dumps(ANSWERS[self.path]).encode(), "application/json"
        if body.get("stream"):
            pieces = [json.dumps({"id": "c", "object": "text_completion", "model": "up", **each}) for each in PIECES]
            content = "".join(f"data: {each}\n\n" for each in (*pieces, "[DONE]")).encode()
            kind = "text/event-stream"
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is told."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.fixture(scope="module")
def house(town: Town, upstream: str) -> House:
    """Accounts of four kinds; embeddings cost 100,000 micro-dollars a million tokens, a rerank 2,000 each."""
    built = town.house(models=("gpt-4o",))
    tenant, cheap = built.tenant, Prices(input=100_000, output=0)
    named = {"oai": ("openai", "/v1"), "goo": ("gemini", "/g"), "ant": ("anthropic", "/a"), "coh": ("cohere", "")}
    models = (
        ("oai/embed", cheap), ("oai/omni", None), ("oai/instruct", Prices(input=1_500_000, output=2_000_000)),
        ("goo/embed", cheap), ("goo/flash", cheap), ("ant/claude", cheap),
        ("coh/rank", Prices(input=0, output=0, request=2_000)),
    )  # fmt: skip
    town.put(
        tenant,
        *(
            ("provider", account, Provider(id=account, tenant=tenant, wire=wire, base_url=upstream + path))
            for account, (wire, path) in named.items()
        ),
        *(("model", name, Model(id=name, tenant=tenant, prices=prices)) for name, prices in models),
    )
    return built


def post(town: Town, house: House, path: str, body: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
    headers = {"authorization": f"Bearer {house.key}", "content-type": "application/json"}
    return town.send("POST", path, json.dumps(body).encode(), headers)


def ended(town: Town, headers: dict[str, str]) -> Any:
    return town.closed(headers["x-nexus-request-id"])[-1][1]


def test_embeddings_with_the_official_client(town: Town, house: House) -> None:
    answer = town.client(house).embeddings.with_raw_response.create(model="oai/embed", input="a text", user="u")
    assert answer.parse().data[0].embedding == [0.5, -1.0]
    assert json.loads(answer.content) == ANSWERS["/v1/embeddings"]
    facts = town.closed(answer.headers["x-nexus-request-id"])
    assert [fact.type for fact, _ in facts] == [
        "request.accepted.v1", "request.screened.v1", "request.routed.v1", "provider.called.v1", "request.screened.v1",
        "request.completed.v1",
    ]  # fmt: skip
    done = facts[-1][1]
    assert (done.operation, done.model, done.usage, done.cost_micros) == (
        "embeddings", "oai/embed", traffic.Usage(4), 0,
    )  # fmt: skip
    assert Upstream.asked[-1] == (
        "/v1/embeddings", {"model": "embed", "input": "a text", "user": "u", "encoding_format": "base64"},
    )  # fmt: skip


def test_each_protocol_gets_its_own_answer(town: Town, house: House) -> None:
    for path, body, told in (
        ("/v1/moderations", {"model": "oai/omni", "input": "x"}, ANSWERS["/v1/moderations"]),
        ("/v1/rerank", {"model": "coh/rank", "query": "q", "documents": ["a", "b"]}, ANSWERS["/v2/rerank"]),
        ("/v1/completions", {"model": "oai/instruct", "prompt": "hello"}, ANSWERS["/v1/completions"]),
        ("/openai/deployments/oai%2Fembed/embeddings?api-version=1", {"input": "x"}, ANSWERS["/v1/embeddings"]),
        ("/v1beta/models/goo%2Fembed:embedContent", {"content": {"parts": [{"text": "x"}]}},
         ANSWERS["/g/models/embed:embedContent"]),
        ("/v1beta/models/oai%2Fembed:embedContent", {"content": {"parts": [{"text": "x"}]}},
         {"embedding": {"values": [0.5, -1.0]}, "usageMetadata": {"promptTokenCount": 4}}),
        ("/v1beta/models/goo%2Fflash:countTokens", {"contents": [{"parts": [{"text": "x"}]}]}, {"totalTokens": 21}),
        ("/v1/messages/count_tokens", {"model": "ant/claude", "messages": [{"role": "user", "content": "x"}]},
         {"input_tokens": 17}),
        ("/v1/messages/count_tokens", {"model": "goo/flash", "messages": [{"role": "user", "content": "x"}]},
         {"input_tokens": 21}),
    ):  # fmt: skip
        status, answer, headers = post(town, house, path, body)
        assert (status, answer) == (200, told), path
        done = ended(town, headers)
        assert isinstance(done, traffic.RequestCompleted), path
        assert done.cost_micros == {"rerank": 2_000, "completions": 5}.get(done.operation, 0), path


@pytest.mark.parametrize("asked", [False, True])
def test_completions_stream(town: Town, house: House, asked: bool) -> None:
    options: Any = {"stream_options": {"include_usage": True}} if asked else {}
    answer = town.client(house).completions.with_raw_response.create(
        model="oai/instruct", prompt="hello", stream=True, **options
    )
    request_id = answer.headers["x-nexus-request-id"]
    chunks = list(answer.parse())
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == " world"
    assert any(not chunk.choices for chunk in chunks) == asked
    done = town.closed(request_id)[-1][1]
    assert (done.usage, done.cost_micros, done.finish_reason) == (traffic.Usage(2, 2), 7, "stop")


def test_a_provider_without_the_operation(town: Town, house: House) -> None:
    calls = len(Upstream.asked)
    status, body, headers = post(town, house, "/v1/embeddings", {"model": "ant/claude", "input": "x"})
    assert (status, body["error"]["code"]) == (400, "endpoint_unsupported")
    assert "coh, goo, mock, oai" in body["error"]["message"]
    assert (ended(town, headers).stage, len(Upstream.asked)) == ("route", calls)
    status, body, _ = post(town, house, "/v1beta/models/ant%2Fclaude:embedContent", {"content": {"parts": []}})
    assert (status, body["error"]["details"][0]["reason"]) == (400, "ENDPOINT_UNSUPPORTED")


def test_rules_hold_here_too(town: Town, house: House) -> None:
    calls = len(Upstream.asked)
    with pytest.raises(openai.PermissionDeniedError) as blocked:
        town.client(house).embeddings.create(model="oai/embed", input=["fine", f"key {AWS_KEY}"])
    assert blocked.value.code == "content_filtered"
    with pytest.raises(openai.BadRequestError) as opaque:
        town.client(house).embeddings.create(model="oai/embed", input=[[1, 2, 3]])
    assert opaque.value.code == "tokens_not_screenable"
    for path, body in (
        ("/v1/rerank", {"model": "coh/rank", "query": "q", "documents": ["a", AWS_KEY]}),
        ("/v1/completions", {"model": "oai/instruct", "prompt": AWS_KEY}),
        ("/v1/moderations", {"model": "oai/omni", "input": AWS_KEY}),
        ("/v1/messages/count_tokens", {"model": "ant/claude", "messages": [{"role": "user", "content": AWS_KEY}]}),
    ):
        status, _, headers = post(town, house, path, body)
        assert (status, ended(town, headers).stage) == (403, "screen_request"), path
    assert len(Upstream.asked) == calls
