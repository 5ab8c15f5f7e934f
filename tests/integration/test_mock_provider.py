"""The mock provider as its users meet it: the openai client, and the command in a process of its own."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import openai
import pytest
from openai import AsyncOpenAI

from ops.mock import MockProvider, running_mock
from ops.mock.answer import FIXED_TEXT, count

BOUND_S = 20.0
HELLO: Any = [{"role": "user", "content": "hello"}]
ASK_TOOL: Any = [{"role": "user", "content": "use the weather tool"}]
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]


@pytest.fixture
async def mock() -> AsyncIterator[MockProvider]:
    async with running_mock() as mock:
        yield mock


@pytest.fixture
async def client(mock: MockProvider) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{mock.url}/v1", api_key="sk-test", max_retries=0, timeout=BOUND_S) as client:
        yield client


async def test_a_chat(client: AsyncOpenAI) -> None:
    response = await client.chat.completions.create(model="gpt-4o", messages=HELLO)
    (choice,) = response.choices
    assert (choice.message.content, choice.finish_reason, response.model) == (FIXED_TEXT, "stop", "gpt-4o")
    assert response.usage is not None
    assert (response.usage.prompt_tokens, response.usage.completion_tokens) == (3 + 3 + 2, count(FIXED_TEXT))
    assert response.usage.total_tokens == 8 + count(FIXED_TEXT)
    assert response.usage.prompt_tokens_details is not None
    assert response.usage.prompt_tokens_details.cached_tokens == 0


async def test_choices_and_limits(client: AsyncOpenAI) -> None:
    response = await client.chat.completions.create(model="gpt-4o", messages=HELLO, n=3, max_completion_tokens=2)
    assert [choice.index for choice in response.choices] == [0, 1, 2]
    assert {(choice.message.content, choice.finish_reason) for choice in response.choices} == {
        (FIXED_TEXT[:8], "length")
    }
    assert response.usage is not None
    assert response.usage.completion_tokens == 6


@pytest.mark.parametrize("model", ["gpt-4o", "token-1ms"])
async def test_a_stream(client: AsyncOpenAI, model: str) -> None:
    text, finishes = "", []
    stream = await client.chat.completions.create(model=model, messages=HELLO, stream=True)
    async for chunk in stream:
        assert chunk.usage is None
        text += chunk.choices[0].delta.content or ""
        finishes.append(chunk.choices[0].finish_reason)
    assert text == FIXED_TEXT
    assert (finishes[-1], set(finishes[:-1])) == ("stop", {None})


async def test_a_stream_with_usage_agrees_with_the_plain_answer(client: AsyncOpenAI) -> None:
    plain = await client.chat.completions.create(model="mock-echo", messages=HELLO)
    stream = await client.chat.completions.create(
        model="mock-echo", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    *rest, last = [chunk async for chunk in stream]
    assert (last.choices, last.usage) == ([], plain.usage)
    assert all(chunk.usage is None for chunk in rest)


async def test_tools(client: AsyncOpenAI) -> None:
    response = await client.chat.completions.create(model="gpt-4o", messages=ASK_TOOL, tools=TOOLS)
    (choice,) = response.choices
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    (call,) = choice.message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "text"})


async def test_tools_in_a_stream(client: AsyncOpenAI) -> None:
    arguments, names, ids, finish = "", [], [], None
    stream = await client.chat.completions.create(
        model="gpt-4o", messages=HELLO, tools=TOOLS, tool_choice="required", stream=True
    )
    async for chunk in stream:
        (choice,) = chunk.choices
        finish = choice.finish_reason
        for call in choice.delta.tool_calls or []:
            assert call.index == 0
            assert call.function is not None
            arguments += call.function.arguments or ""
            names += [call.function.name] if call.function.name else []
            ids += [call.id] if call.id else []
    assert (json.loads(arguments), names, len(ids), finish) == ({"city": "text"}, ["get_weather"], 1, "tool_calls")


async def test_json_mode(client: AsyncOpenAI) -> None:
    response = await client.chat.completions.create(
        model="mock-echo", messages=HELLO, response_format={"type": "json_object"}
    )
    assert json.loads(response.choices[0].message.content or "") == {"answer": "hello"}


async def test_models(client: AsyncOpenAI) -> None:
    assert {"gpt-4o", "gpt-4o-mini"} <= {model.id async for model in client.models.list()}
    assert (await client.models.retrieve("gpt-4o")).id == "gpt-4o"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("unknown-1")


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("error-400", openai.BadRequestError),
        ("error-401", openai.AuthenticationError),
        ("error-403", openai.PermissionDeniedError),
        ("unknown-model", openai.NotFoundError),
        ("error-409", openai.ConflictError),
        ("error-422", openai.UnprocessableEntityError),
        ("error-429", openai.RateLimitError),
        ("error-500", openai.InternalServerError),
        ("error-503", openai.InternalServerError),
        ("disconnect-after-0", openai.APIConnectionError),
        ("gpt-4o+dealy-5ms", openai.BadRequestError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_errors_are_typed(client: AsyncOpenAI, model: str, kind: type[openai.APIError], stream: bool) -> None:
    with pytest.raises(kind):
        await client.chat.completions.create(model=model, messages=HELLO, stream=cast("Any", stream))


async def test_a_bad_key(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.AuthenticationError) as refused:
        await client.with_options(api_key="sk-bad-1").chat.completions.create(model="gpt-4o", messages=HELLO)
    assert refused.value.code == "invalid_api_key"


async def test_knobs_in_headers(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.RateLimitError) as refused:
        await client.chat.completions.create(
            model="gpt-4o", messages=HELLO, extra_headers={"x-mock-error": "429", "x-mock-retry-after": "3"}
        )
    assert refused.value.response.headers["retry-after"] == "3"


async def test_a_client_retries_what_may_be_retried(mock: MockProvider, client: AsyncOpenAI) -> None:
    with pytest.raises(openai.InternalServerError):
        await client.with_options(max_retries=1).chat.completions.create(
            model="error-503+retry-after-0", messages=HELLO
        )
    assert mock.stats.injected == 2


async def test_a_client_that_stops_reading_a_stream_is_noticed(mock: MockProvider, client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="token-600s", messages=HELLO, stream=True)
    await anext(aiter(stream))
    await stream.close()
    await mock.until(lambda mock: mock.stats.aborted == 1)


async def _started(*options: str) -> tuple[asyncio.subprocess.Process, dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ops.mock", "--port", "0", "--output", "json", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(BOUND_S):
        return process, json.loads(await process.stdout.readline())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_command(tmp_path: Path, number: signal.Signals) -> None:
    ledger, port_file = tmp_path / "ledger", tmp_path / "port"
    process, ready = await _started("--ledger", str(ledger), "--ledger-fsync", "--port-file", str(port_file))
    try:
        assert (ready["pid"], port_file.read_text()) == (process.pid, f"{ready['port']}\n")
        async with AsyncOpenAI(base_url=f"{ready['url']}/v1", api_key="k", max_retries=0) as client:
            headers = [{"x-nexus-request-id": f"r-{number}"} for number in range(50)]
            await asyncio.gather(
                *(
                    client.chat.completions.create(model="gpt-4o", messages=HELLO, extra_headers=header)
                    for header in headers
                )
            )
            lines = [json.loads(line) for line in ledger.read_text().splitlines()]
            assert sorted(line["id"] for line in lines) == sorted(header["x-nexus-request-id"] for header in headers)
            assert [line["n"] for line in lines] == list(range(1, 51))
            process.send_signal(number)
            async with asyncio.timeout(BOUND_S):
                out, err = await process.communicate()
        assert (process.returncode, out, err) == (0, b"", b"")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_taken_port_is_said(mock: MockProvider) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ops.mock", "--port", str(mock.port)), stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(BOUND_S):
        _, err = await process.communicate()
    assert process.returncode == 1
    assert b"choose another --port" in err
    assert b"Traceback" not in err
