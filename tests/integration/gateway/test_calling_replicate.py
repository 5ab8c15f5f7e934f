"""Predictions that fail, and predictions that nobody waits for any more. What succeeds is in test_calling."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from ingress.gateway.call import CallFailed
from ingress.gateway.failure import error_of
from tests.integration.gateway.calling_rig import account, errand, rig
from tests.integration.gateway.raw_provider import Came, Raw, answer, raw_provider
from tests.waiting import until

FILTER = "The input or output was flagged as sensitive. Please try again with different inputs. (E005)"


def prediction(url: str, status: str, **more: Any) -> bytes:
    urls = {"get": f"{url}/v1/predictions/p1", "cancel": f"{url}/v1/predictions/p1/cancel", **more.pop("urls", {})}
    return answer(json.dumps({"id": "p1", "status": status, "urls": urls, **more}).encode(), status=201)


def cancelled(raw: Raw) -> list[Came]:
    return [came for came in raw.came if came.target.endswith("/cancel")]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize(
    ("state", "error", "told"),
    [("failed", FILTER, (400, "content_filter")), ("aborted", None, (504, "timeout"))],
)
async def test_a_prediction_that_fails_is_told_by_its_error(
    stream: bool, at_once: bool, state: str, error: str | None, told: tuple[int, str]
) -> None:
    def answers(came: Came, url: str) -> bytes:
        begun = came.method == "POST" and not at_once
        return prediction(url, "starting" if begun else state, error=None if begun else error)

    async with rig() as here, raw_provider(answers) as raw:
        one = errand(account("replicate", raw.url + "/v1"), "r8", model="meta/llama", stream=stream)
        with pytest.raises(CallFailed, match="status") as failed:
            await (here.calls.stream(one) if stream else here.calls.send(one))
    found = error_of(failed.value, one.outgoing.codec.read_error)
    assert (found.status, found.error_code) == told
    assert error is None or found.message == error
    assert not cancelled(raw)


async def test_an_error_that_begins_a_stream_comes_before_the_first_byte() -> None:
    def answers(came: Came, url: str) -> bytes:
        if came.method == "POST":
            return prediction(url, "starting", urls={"stream": url + "/stream"})
        return answer(f"event: error\ndata: {json.dumps({'detail': FILTER})}\n\n".encode(), kind="text/event-stream")

    async with rig() as here, raw_provider(answers) as raw:
        one = errand(account("replicate", raw.url + "/v1"), "r8", model="meta/llama", stream=True)
        with pytest.raises(CallFailed, match="status 400") as failed:
            await here.calls.stream(one)
    assert error_of(failed.value, one.outgoing.codec.read_error).message == FILTER


def _running(came: Came, url: str) -> bytes:
    if came.target.startswith("/stream"):
        # the rest does not come
        return b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\n\r\nevent: output\ndata: Hel\n\n"
    return prediction(url, "processing")


def _streaming(came: Came, url: str) -> bytes:
    if came.method == "POST" and not came.target.endswith("/cancel"):
        return prediction(url, "starting", urls={"stream": url + "/stream"})
    return _running(came, url)


@pytest.mark.parametrize(("answers", "stream"), [(_running, False), (_running, True), (_streaming, True)])
async def test_a_prediction_that_nobody_waits_for_is_cancelled(
    answers: Callable[[Came, str], bytes], stream: bool
) -> None:
    async with rig() as here, raw_provider(answers) as raw:
        one = errand(account("replicate", raw.url + "/v1"), "r8", model="meta/llama", stream=stream)

        async def caller() -> None:
            if not stream:
                await here.calls.send(one)
                return
            arriving = await here.calls.stream(one)
            try:
                await arriving.each(lambda piece: True)
            finally:
                await arriving.end()

        calling = asyncio.create_task(caller())
        await until(lambda: any(came.method == "GET" for came in raw.came), "the answer is asked for")
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        (asked,) = cancelled(raw)
    assert calling.cancelled()
    assert (asked.method, asked.headers["authorization"]) == ("POST", "Bearer r8")
    assert raw.came[0].headers["cancel-after"] == "600s" and "cancel-after" not in asked.headers
