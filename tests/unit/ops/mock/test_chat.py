"""What each knob does on the wire, by name and by header."""

from __future__ import annotations

import asyncio
import json

import pytest

from ingress.gateway.inflating import Inflater
from ops.mock import running_mock
from ops.mock.answer import FIXED_PIECES, FIXED_TEXT
from tests.unit.ops.mock.raw import Response, ask, chat, connected, post


def _text(response: Response) -> str:
    return "".join(
        choice["delta"].get("content", "")
        for event in response.events()
        if event != "[DONE]"
        for choice in json.loads(event)["choices"]
    )


@pytest.mark.parametrize(
    ("model", "headers"), [("mock-echo", None), ("gpt-4o", {"x-mock-mode": "echo"}), ("gpt-4o:echo+delay-1ms", None)]
)
async def test_echo(model: str, headers: dict[str, str] | None) -> None:
    async with running_mock() as mock:
        plain = await ask(mock.port, chat(model, text="Grüße, 世界 🌍", headers=headers))
        streamed = await ask(mock.port, chat(model, text="Grüße, 世界 🌍", headers=headers, stream=True))
    assert plain.json()["choices"][0]["message"]["content"] == "Grüße, 世界 🌍" == _text(streamed)


@pytest.mark.parametrize("name", ["gzip", "br", "zstd"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("target", ["/v1/chat/completions", "/v1/completions"])
async def test_a_compressed_answer_holds_what_the_plain_one_does(name: str, stream: bool, target: str) -> None:
    def asked(headers: dict[str, str]) -> bytes:
        if target == "/v1/completions":
            body = json.dumps({"model": "gpt-4o", "prompt": "Hello", "stream": stream}).encode()
            return post(body, headers).replace(b"/v1/chat/completions", target.encode(), 1)
        return chat("gpt-4o", stream=stream, headers=headers)

    async with running_mock() as mock:
        plain = await ask(mock.port, asked({}))
        packed = await ask(mock.port, asked({"x-mock-coding": name}))
    assert "content-encoding" not in plain.headers and packed.headers["content-encoding"] == name
    inflater = Inflater(name, 1 << 20)
    body = b"".join(inflater.feed(packed.body))
    inflater.finish()
    assert len(body) == len(plain.body) and body[:14] == plain.body[:14] and body[-14:] == plain.body[-14:]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 418, 422, 429, 500, 502, 503, 504, 529])
@pytest.mark.parametrize("stream", [False, True])
async def test_errors_on_request(status: int, stream: bool) -> None:
    async with running_mock() as mock:
        named = await ask(mock.port, chat(f"error-{status}+retry-after-7", stream=stream))
        told = await ask(
            mock.port, chat(stream=stream, headers={"x-mock-error": str(status), "x-mock-retry-after": "7"})
        )
        assert (mock.stats.injected, mock.stats.refused, mock.stats.completed) == (2, 2, 0)
    for response in (named, told):
        assert (response.status, response.headers["retry-after"]) == (status, "7")
        assert set(response.json()["error"]) == {"message", "type", "param", "code"}


async def test_an_error_rate_is_the_same_for_the_same_seed() -> None:
    runs = []
    for seed in (1, 1, 2):
        async with running_mock(seed=seed) as mock, connected(mock.port) as raw:
            statuses = []
            for _ in range(200):
                raw.send(chat("error-rate-0.3+error-503"))
                statuses.append((await raw.response()).status)
            runs.append(statuses)
    assert runs[0] == runs[1] != runs[2]
    assert set(runs[0]) == {200, 503}
    assert 30 < runs[0].count(503) < 90


async def test_a_cut_before_any_byte() -> None:
    async with running_mock() as mock:
        for request in (chat("disconnect-after-0", stream=True), chat(headers={"x-mock-disconnect-after": "0"})):
            async with connected(mock.port) as raw:
                raw.send(request)
                assert await raw.ended() == b""
        assert (mock.stats.disconnected, mock.stats.aborted) == (2, 0)


@pytest.mark.parametrize("model", ["disconnect-after-3", "disconnect-after-3+token-1ms"])
async def test_a_cut_stream_has_exactly_the_wanted_events(model: str) -> None:
    async with running_mock() as mock:
        response = await ask(mock.port, chat(model, stream=True))
        assert mock.stats.disconnected == 1
    assert (len(response.events()), response.whole) == (3, False)
    assert _text(response) == FIXED_TEXT[:8]


async def test_a_cut_plain_answer_announces_more_than_it_sends() -> None:
    async with running_mock() as mock:
        response = await ask(mock.port, chat("disconnect-after-1"))
    assert (response.status, response.whole) == (200, False)
    assert len(response.body) < int(response.headers["content-length"])


async def test_malformed_answers() -> None:
    async with running_mock() as mock:
        plain = await ask(mock.port, chat("malformed"))
        streamed = await ask(mock.port, chat(stream=True, headers={"x-mock-malformed": "1"}))
    assert plain.whole
    with pytest.raises(json.JSONDecodeError):
        plain.json()
    assert streamed.whole
    first, second, *_, last = streamed.events()
    assert json.loads(first)["choices"][0]["delta"]["role"] == "assistant"
    with pytest.raises(json.JSONDecodeError):
        json.loads(second)
    assert last == "[DONE]"


async def test_no_usage() -> None:
    async with running_mock() as mock:
        plain = await ask(mock.port, chat("no-usage"))
        streamed = await ask(mock.port, chat("no-usage", stream=True, stream_options={"include_usage": True}))
    assert "usage" not in plain.json()
    assert all(json.loads(event)["usage"] is None for event in streamed.events()[:-1])


async def test_a_plain_answer_waits_for_its_tokens() -> None:
    async with running_mock() as mock, connected(mock.port) as raw:
        raw.send(chat("tokens-5+token-600s"))
        await mock.until(lambda mock: mock.stats.chat == 1)
        assert (await ask(mock.port, chat("tokens-5+token-1ms+delay-1ms"))).status == 200
        assert (mock.stats.chat, mock.stats.completed) == (2, 1)


async def test_timed_tokens_leave_one_by_one() -> None:
    async with running_mock() as mock, connected(mock.port) as raw:
        raw.send(chat("tokens-3+token-600s", stream=True))
        async with asyncio.timeout(5):
            await raw.reader.readuntil(b"\n\n")
        assert (mock.stats.completed, mock.stats.events) == (0, 0)


async def test_hanging_requests_are_never_answered_and_end_with_their_client() -> None:
    async with running_mock() as mock:
        async with connected(mock.port) as raw:
            raw.send(chat(headers={"x-mock-hang": "1"}))
            await mock.until(lambda mock: mock.stats.hung == 1)
        await mock.until(lambda mock: mock.stats.aborted == 1)
        assert mock.stats.completed == 0


async def test_stopping_lets_answers_end_and_takes_no_new_ones() -> None:
    async with running_mock() as mock, connected(mock.port) as busy, connected(mock.port) as idle:
        idle.send(b"GET /health HTTP/1.1\r\nhost: m\r\n\r\n")
        assert (await idle.response()).status == 200
        busy.send(chat("token-2ms", stream=True))
        await mock.until(lambda mock: mock.stats.chat == 1)
        await mock.stop()
        assert (await busy.response()).events()[-1] == "[DONE]"
        assert await idle.ended() == b""
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", mock.port)


async def test_keys_are_checked_and_not_repeated() -> None:
    async with running_mock() as mock:
        for header in ("", "Bearer", "Bearer ", "Basic abc", "Bearer sk-bad-secret"):
            refused = await ask(mock.port, chat(headers={"authorization": header}))
            assert refused.status == 401
            assert b"secret" not in refused.body
        assert "sk-bad" not in repr(mock.requests)
        assert (await ask(mock.port, chat(headers={"authorization": "bearer x"}))).status == 200


async def test_what_a_test_sees() -> None:
    async with running_mock(keep=2) as mock:
        for number in range(3):
            await ask(mock.port, chat("mock-echo", text=f"n{number}", headers={"X-Nexus-Request-Id": f"id-{number}"}))
        assert [(seen.n, seen.id) for seen in mock.requests] == [(2, "id-1"), (3, "id-2")]
        last = mock.requests[-1]
        assert last.body is not None
        assert last.body.last_user_text() == "n2"
        assert last.behaviour.mode == "echo"
        assert last.headers[b"authorization"] == b"Bearer sk-test"
        assert json.loads(last.raw)["model"] == "mock-echo"


async def test_counts_add_up() -> None:
    async with running_mock() as mock:
        await ask(mock.port, chat())
        await ask(mock.port, chat(stream=True, stream_options={"include_usage": True}))
        await ask(mock.port, chat("unknown-model"))
        await ask(mock.port, b"GET /nowhere HTTP/1.1\r\n\r\n")
        response = await ask(mock.port, b"GET /stats HTTP/1.1\r\n\r\n")
    counts = response.json()
    tokens = len(FIXED_PIECES)
    assert {name: count for name, count in counts.items() if count} == {
        "requests": 5,
        "chat": 3,
        "streams": 1,
        "completed": 2,
        "refused": 1,
        "events": tokens + 4,
        "prompt_tokens": 2 * (3 + 3 + 2),
        "completion_tokens": 2 * tokens,
        "connections": 5,
    }


async def test_waiting_is_bounded() -> None:
    async with running_mock() as mock:
        with pytest.raises(TimeoutError):
            await mock.until(lambda mock: mock.stats.chat == 1, 0.01)
