"""What each provider refuses, the mock refuses in that provider's words and shape."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.mock import running_mock
from tests.unit.ops.mock.raw import ask

KEYS = "authorization: Bearer k\r\nx-api-key: k\r\nx-goog-api-key: k\r\napi-key: k\r\nanthropic-version: {version}\r\n"
HI: dict[str, Any] = {"role": "user", "content": "Hi"}
TURN: dict[str, Any] = {"role": "user", "parts": [{"text": "Hi"}]}
BLOCK: dict[str, Any] = {"role": "user", "content": [{"text": "Hi"}]}
CLAUDE: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": [HI]}


def post(path: str, body: Any, version: str = "2023-06-01") -> bytes:
    raw = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: m\r\n{KEYS.format(version=version)}content-length: {len(raw)}\r\n\r\n"
    return head.encode() + raw


REFUSED = [
    ("/anthropic/v1/messages", {**CLAUDE, "seed": 1}, 400, "seed: Extra inputs are not permitted"),
    ("/anthropic/v1/messages", {"model": "m", "messages": [HI]}, 400, "max_tokens: Field required"),
    ("/anthropic/v1/messages", {**CLAUDE, "messages": [{"role": "system", "content": "x"}]}, 400, "messages.0.role"),
    ("/anthropic/v1/messages", {**CLAUDE, "temperature": 1.5}, 400, "temperature: range"),
    ("/gemini/v1beta/models/m:generateContent", {"contents": [TURN], "seed": 1}, 400, 'Unknown name \\"seed\\"'),
    ("/gemini/v1beta/models/m:generateContent", {"contents": []}, 400, "contents is not specified"),
    ("/gemini/v1beta/models/m:generateContent", {"contents": [{"parts": [{}]}]}, 400, "one initialized field"),
    ("/bedrock/model/m/converse", {"messages": [BLOCK, BLOCK]}, 400, "must alternate"),
    ("/bedrock/model/m/converse", {"messages": [{"role": "user", "content": [{"text": " "}]}]}, 400, "is blank"),
    ("/cohere/v2/chat", {"model": "m", "messages": [HI], "n": 2}, 422, "not a valid field"),
    ("/cohere/v2/chat", {"model": "m", "messages": [HI], "p": 1.0}, 400, "between 0.01 and 0.99"),
    ("/cohere/v2/embed", {"model": "m", "texts": ["a"]}, 400, "input_type is required"),
    ("/voyage/v1/embeddings", {"model": "m", "input": "a", "user": "u"}, 400, "is not supported by our API"),
    (
        "/glm/api/paas/v4/chat/completions",
        {"model": "m", "messages": [HI], "stop": ["a", "b"]},
        400,
        "only one stop word",
    ),
    ("/mistral/v1/chat/completions", {"model": "m", "messages": [HI], "user": "u"}, 422, "extra_forbidden"),
    ("/replicate/v1/models/a/b/predictions", {"input": {}}, 422, "prompt is required"),
    ("/azure/openai/deployments/m/chat/completions", {"messages": [HI]}, 404, "Resource not found"),
    ("/v1/responses", {"model": "m", "input": "Hi", "n": 2}, 400, "Unknown parameter: 'n'."),
    ("/v1/embeddings", {"model": "m", "input": ""}, 400, "cannot be an empty string"),
    ("/minimax/v1/text/chatcompletion_v2", {"model": "m", "messages": [HI], "temperature": 2}, 200, "2013"),
]


@pytest.mark.parametrize(("path", "body", "status", "told"), REFUSED, ids=[f"{each[0]} {each[3]}" for each in REFUSED])
async def test_refusals(path: str, body: Any, status: int, told: str) -> None:
    async with running_mock() as mock:
        response = await ask(mock.port, post(path, body))
    assert response.status == status
    assert told in response.body.decode()


async def test_the_newest_version_of_messages_knows_no_temperature() -> None:
    async with running_mock() as mock:
        body = {**CLAUDE, "temperature": 1.0}
        older = await ask(mock.port, post("/anthropic/v1/messages", body))
        newest = await ask(mock.port, post("/anthropic/v1/messages", body, "2026-10-21"))
    assert (older.status, newest.status) == (200, 400)


async def test_thoughts_are_taken_back_only_as_they_were_signed() -> None:
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000}
    async with running_mock() as mock:
        first = await ask(mock.port, post("/anthropic/v1/messages", {**CLAUDE, **thinking}))
        content = first.json()["content"]
        assert content[0]["type"] == "thinking"
        turns = [HI, {"role": "assistant", "content": content}, HI]
        genuine = await ask(mock.port, post("/anthropic/v1/messages", {**CLAUDE, **thinking, "messages": turns}))
        content[0]["signature"] = "forged"
        forged = await ask(mock.port, post("/anthropic/v1/messages", {**CLAUDE, **thinking, "messages": turns}))
    assert (genuine.status, forged.status) == (200, 400)


async def test_every_call_is_counted_and_kept() -> None:
    async with running_mock() as mock:
        await ask(mock.port, post("/cohere/v2/chat", {"model": "m", "messages": [HI]}))
        await ask(mock.port, post("/voyage/v1/embeddings", {"model": "m", "input": "a"}))
        await ask(mock.port, post("/anthropic/v1/messages", {**CLAUDE, "model": "error-529"}))
        assert (mock.stats.chat, mock.stats.completed, mock.stats.refused) == (3, 2, 1)
        assert len(mock.requests) == 3


@pytest.mark.parametrize("knob", ["hang-not", "disconnect-after-3", "malformed", "no-usage"])
async def test_a_stream_of_any_format_misbehaves_as_it_is_told(knob: str) -> None:
    model = "m" if knob == "hang-not" else f"m+{knob}"
    async with running_mock() as mock:
        response = await ask(mock.port, post("/anthropic/v1/messages", {**CLAUDE, "model": model, "stream": True}))
        cut = mock.stats.disconnected
    assert response.whole is (knob != "disconnect-after-3") and cut == (knob == "disconnect-after-3")
    assert (b"output_tokens" in response.body) is (knob != "no-usage")
    assert (b"data: {\n\n" in response.body) is (knob == "malformed")
