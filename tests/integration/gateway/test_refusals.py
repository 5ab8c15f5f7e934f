"""A provider that refuses under a status that says all is well is taken at its word, in time for another attempt."""

from __future__ import annotations

import json

import pytest

from ingress.gateway.call import CallFailed
from ingress.gateway.failure import error_of, retryable
from ops.mock import running_mock
from tests.integration.gateway.calling_rig import account, drain, errand, relay_to_openai, rig
from tests.integration.gateway.raw_provider import answer, raw_provider


def refused(code: int) -> bytes:
    return json.dumps({"base_resp": {"status_code": code, "status_msg": "what it says"}}).encode()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("code", "status", "told", "again"),
    [
        (1002, 429, "upstream_rate_limited", True),
        (1004, 502, "upstream_auth_failed", False),
        (1008, 429, "upstream_quota_exceeded", False),
        (2013, 400, "2013", False),
        (1001, 504, "timeout", True),
        (7777, 502, "upstream_error", True),
    ],
)
async def test_each_code_of_minimax_is_what_others_say_by_status(
    code: int, status: int, told: str, again: bool, stream: bool
) -> None:
    async with rig() as here, raw_provider(lambda came, url: answer(refused(code))) as raw:
        one = errand(account("minimax", raw.url), "key", stream=stream)
        with pytest.raises(CallFailed) as failed:
            await (here.calls.stream(one) if stream else here.calls.send(one))
    error = error_of(failed.value, one.outgoing.codec.read_error)
    assert (error.status, error.error_code, retryable(failed.value)) == (status, told, again)
    assert error.retry_after if status == 429 else True


async def test_a_stream_whose_beginning_was_looked_at_is_whole() -> None:
    async with rig() as here, running_mock() as mock:
        one = errand(account("minimax", mock.url + "/minimax/v1"), "key", model="mock-fixed", stream=True)
        passed = await drain(await here.calls.stream(one), relay_to_openai(one))
        whole = errand(account("minimax", mock.url + "/minimax/v1"), "key", model="mock-fixed")
        said = json.loads(await here.calls.send(whole))["choices"][0]["message"]["content"]
    lines = [line[6:] for line in passed.decode().split("\n") if line.startswith("data: {")]
    deltas = [choice["delta"] for line in lines for choice in json.loads(line)["choices"]]
    assert said and "".join(delta.get("content") or "" for delta in deltas) == said
