"""A token that its provider does not take any more is dropped, and the call made once again with another."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from ingress.gateway.call import CallFailed
from ingress.gateway.tokens import NEW_S
from schemas.aggregates.provider import Provider
from tests.integration.gateway.calling_rig import AWS, CONVERSE, Rig, account, errand, google_account, rig, token
from tests.integration.gateway.raw_provider import Came, Raw, answer, raw_provider

EXPIRED = json.dumps({"message": "The security token included in the request is expired"}).encode()
CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'


class Provided:
    """A token server and a provider that takes the tokens it is told to."""

    def __init__(self) -> None:
        self.taken: set[str] = set()
        self.fetched = 0
        self.refusal = answer(b'{"error":{"message":"no"}}', status=401)

    def __call__(self, came: Came, url: str) -> bytes:
        if "token" in came.target:
            self.fetched += 1
            return token(f"t{self.fetched}")
        if came.headers["authorization"] not in self.taken:
            return self.refusal
        return answer(CHUNK, kind="text/event-stream") if b'"stream":true' in came.body else answer(b"{}")

    def take(self, *numbers: int) -> None:
        self.taken = {f"Bearer t{number}" for number in numbers}


def accounts(raw: Raw) -> list[tuple[Provider, str]]:
    client = {"tenant_id": "t", "client_id": "c", "client_secret": "s", "authority": raw.url}
    return [
        (account("vertex", raw.url, region="r", project="p"), google_account(raw.url)),
        (account("azure", raw.url), json.dumps(client)),
    ]


async def ask(here: Rig, provider: Provider, secret: str, stream: bool) -> None:
    one = errand(provider, secret, stream=stream)
    if stream:
        await (await here.calls.stream(one)).end()
    else:
        await here.calls.send(one)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("which", [0, 1])
async def test_google_s_and_entra_s(which: int, stream: bool) -> None:
    server = Provided()
    async with rig() as here, raw_provider(server) as raw:
        provider, secret = accounts(raw)[which]
        server.take(1)
        await ask(here, provider, secret, stream)
        here.now += NEW_S
        server.take(2)
        # all who are refused at the same time share the next one
        await asyncio.gather(*(ask(here, provider, secret, stream) for _ in range(4)))
        assert server.fetched == 2
        # one that is refused though it is new would be refused again and again
        server.take(9)
        with pytest.raises(CallFailed, match="status 401"):
            await ask(here, provider, secret, stream)
        assert server.fetched == 2


async def test_a_key_that_is_refused_is_not_tried_twice() -> None:
    server = Provided()
    async with rig() as here, raw_provider(server) as raw:
        with pytest.raises(CallFailed, match="status 401"):
            await here.send(account("openai", raw.url), "sk-1")
    assert len(raw.came) == 1


@pytest.mark.parametrize(("told", "calls"), [(EXPIRED, 2), (b'{"message":"You may not do this"}', 1)])
async def test_aws_s_session_is_fetched_anew_when_it_has_ended(told: bytes, calls: int) -> None:
    served: dict[str, Any] = {
        "AccessKeyId": "ASIA", "SecretAccessKey": "s", "Token": "session-1", "Expiration": "2099-01-01T00:00:00Z",
    }  # fmt: skip
    refusing = False

    def answers(came: Came, url: str) -> bytes:
        if came.method == "GET":
            return answer(json.dumps(served).encode())
        old = refusing and came.headers["x-amz-security-token"] == "session-1"
        return answer(told, status=403) if old else answer(CONVERSE)

    async with raw_provider(answers) as raw:
        environment = {"AWS_SHARED_CREDENTIALS_FILE": "/nowhere", "AWS_CONTAINER_CREDENTIALS_FULL_URI": raw.url + "/c"}
        async with rig(environment, ambient="*") as here:
            provider = account("bedrock", raw.url, region="eu-west-1")
            await here.send(provider)
            refusing, served["Token"], before = True, "session-2", len(raw.came)
            here.now += NEW_S
            if calls == 2:
                await here.send(provider)
            else:
                with pytest.raises(CallFailed, match="status 403"):
                    await here.send(provider)
            assert sum(came.method == "POST" for came in raw.came[before:]) == calls
            # what an account brought itself stays what it is
            with pytest.raises(CallFailed, match="status 403"):
                await here.send(provider, json.dumps({**AWS, "session_token": "session-1"}))
