"""Calls as kinds of providers want them: with fetched tokens, followed, by rule. Bedrock's are in test_calling_aws."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from ingress.codecs.aws_events import AwsEventParser
from ingress.gateway.call import CallFailed
from ingress.gateway.failure import error_of
from ops.mock import running_mock
from schemas.aggregates.header_rules import HeaderRule
from schemas.aggregates.model import Model
from tests.integration.gateway.calling_rig import (
    AWS,
    KEY,
    PEM,
    account,
    drain,
    errand,
    google_account,
    relay_to_openai,
    rig,
    token,
)
from tests.integration.gateway.raw_provider import Came, Raw, answer, raw_provider


def part(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def tokens_and(body: bytes, tokens: Callable[[int], bytes]) -> Callable[[Came, str], bytes]:
    asked = 0

    def answers(came: Came, url: str) -> bytes:
        nonlocal asked
        if "token" in came.target:
            asked += 1
            return tokens(asked)
        return answer(body)

    return answers


def asked_for_tokens(raw: Raw) -> list[Came]:
    return [came for came in raw.came if "token" in came.target]


async def test_google_gets_an_assertion_that_its_key_has_signed_and_gives_one_token_for_all() -> None:
    async with rig() as here, raw_provider(tokens_and(b"{}", lambda n: token(f"ya29.{n}"))) as raw:
        provider = account("vertex", raw.url, region="us-central1", project="p")
        await asyncio.gather(*(here.send(provider, google_account(raw.url), model="gemini-x") for _ in range(8)))
    (asked,) = asked_for_tokens(raw)
    form = parse_qs(asked.body.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    head, claims, signature = form["assertion"][0].split(".")
    KEY.public_key().verify(
        base64.urlsafe_b64decode(signature + "=="), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
    )
    assert part(head) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    told = part(claims)
    assert (told["iss"], told["aud"], told["exp"] - told["iat"]) == ("n@p.iam", raw.url + "/token", 3_600)
    calls = [came for came in raw.came if came is not asked]
    assert {came.headers["authorization"] for came in calls} == {"Bearer ya29.1"} and len(calls) == 8
    assert calls[0].target == "/publishers/google/models/gemini-x:generateContent"


async def test_a_token_is_fetched_anew_before_it_ends_and_nobody_waits_for_it() -> None:
    async with rig() as here, raw_provider(tokens_and(b"{}", lambda n: token(f"t{n}"))) as raw:
        provider, secret = account("vertex", raw.url, region="r", project="p"), google_account(raw.url)
        await here.send(provider, secret)
        here.now += 3_600 - 300 - 1
        await here.send(provider, secret)
        assert len(asked_for_tokens(raw)) == 1
        here.now += 2
        await here.send(provider, secret)
        assert [came for came in raw.came if "token" not in came.target][-1].headers["authorization"] == "Bearer t1"
        await asyncio.gather(*here.tokens._tasks)
        await here.send(provider, secret)
        assert raw.came[-1].headers["authorization"] == "Bearer t2"
        here.now += 4_000
        await here.send(provider, secret)
        assert raw.came[-1].headers["authorization"] == "Bearer t3"
    assert len(asked_for_tokens(raw)) == 3


async def test_a_token_server_that_fails_is_not_asked_by_every_call(caplog: pytest.LogCaptureFixture) -> None:
    async with rig() as here, raw_provider(tokens_and(b"{}", lambda n: answer(b"no", status=500))) as raw:
        provider, secret = account("vertex", raw.url, region="r", project="p"), google_account(raw.url)
        for _ in range(3):
            with pytest.raises(CallFailed, match="credential") as failed:
                await here.send(provider, secret)
        assert len(asked_for_tokens(raw)) == 1
        here.now += 6
        with pytest.raises(CallFailed):
            await here.send(provider, secret)
    assert len(asked_for_tokens(raw)) == 2
    assert error_of(failed.value, lambda body: pytest.fail("there is no body")).error_code == "upstream_auth_failed"
    assert "PRIVATE KEY" not in caplog.text and "account=a" in caplog.text


async def test_google_s_metadata_server() -> None:
    def answers(came: Came, url: str) -> bytes:
        if "computeMetadata" in came.target:
            assert came.headers["metadata-flavor"] == "Google"
            return token("ya29.machine")
        return answer(b"{}")

    async with raw_provider(answers) as raw, rig({"GCE_METADATA_HOST": f"127.0.0.1:{raw.port}"}, "*") as here:
        await here.send(account("vertex", raw.url, region="r", project="p"))
    assert raw.came[-1].headers["authorization"] == "Bearer ya29.machine"


async def test_azure_takes_a_key_or_the_token_of_an_application() -> None:
    async with rig() as here, raw_provider(tokens_and(b"{}", lambda n: token("entra"))) as raw:
        provider = account("azure", raw.url)
        await here.send(provider, "azure-key", model="my deployment")
        assert raw.came[-1].headers["api-key"] == "azure-key"
        assert raw.came[-1].target.startswith("/openai/deployments/my%20deployment/chat/completions?api-version=")
        client = {"tenant_id": "contoso", "client_id": "c", "client_secret": "s&=s", "authority": raw.url}
        await here.send(provider, json.dumps(client))
    assert raw.came[-1].headers["authorization"] == "Bearer entra" and "api-key" not in raw.came[-1].headers
    (asked,) = asked_for_tokens(raw)
    assert asked.target == "/contoso/oauth2/v2.0/token"
    assert parse_qs(asked.body.decode())["client_secret"] == ["s&=s"]


@pytest.mark.parametrize(
    ("wire", "secret"),
    [
        ("openai", "sk-a\r\nx-evil: 1"),
        ("bedrock", '{"access_key_id":"a\\r\\nb","secret_access_key":"b"}'),
        ("bedrock", "{}"),
        ("vertex", '{"type":"service_account","client_email":"a","private_key":"no"}'),
        ("vertex", json.dumps({"client_email": "a", "private_key": PEM, "token_uri": "http://example.com/token"})),
        ("azure", '{"tenant_id":"../x","client_id":"a","client_secret":"b"}'),
        ("azure", '{"tenant_id":"x","client_id":"a","client_secret":"b","authority":"http://169.254.169.254"}'),
    ],
)
async def test_a_credential_that_cannot_be_presented_is_sent_nowhere(wire: str, secret: str) -> None:
    async with rig() as here, raw_provider(lambda came, url: answer(b"{}")) as raw:
        with pytest.raises(CallFailed, match="credential"):
            await here.send(account(wire, raw.url, region="us-east-1", project="p"), secret)
    assert raw.came == []


async def test_a_caller_s_own_key_is_never_exchanged_with_a_server_it_names() -> None:
    async with rig() as here, raw_provider(lambda came, url: answer(b"{}")) as raw:
        provider = account("vertex", raw.url, region="r", project="p", forward_token=True)
        with pytest.raises(CallFailed, match="credential"):
            await here.send(provider, google_account(raw.url), forwarded=True)
        await here.send(provider, "ya29.own", forwarded=True)
    assert [came.headers["authorization"] for came in raw.came] == ["Bearer ya29.own"]


# Header rules -------------------------------------------------------------------------------------------------


async def test_a_model_s_header_rules_stand_in_for_its_provider_s() -> None:
    async with rig() as here, raw_provider(lambda came, url: answer(b"{}")) as raw:
        everything = (HeaderRule(action="forward", pattern=".*"),)
        provider = account("anthropic", raw.url, header_rules=everything)
        await here.send(provider, "sk-ant")
        version = (HeaderRule(action="insert", name="anthropic-version", value="2099-01-01"),)
        await here.send(provider, "sk-ant", of=Model(id="a/m", tenant="t", header_rules=version))
    first, second = (came.headers for came in raw.came)
    assert first["x-team"] == "blue" and first["anthropic-version"] == "2023-06-01"
    assert "authorization" not in first and "x-provider-api-key" not in first and first["x-api-key"] == "sk-ant"
    assert second["anthropic-version"] == "2099-01-01" and "x-team" not in second


# Replicate ----------------------------------------------------------------------------------------------------


def prediction(url: str, status: str, output: Any = None, **urls: str) -> bytes:
    told = {"id": "p1", "status": status, "output": output, "urls": {"get": url + "/v1/predictions/p1", **urls}}
    return answer(json.dumps(told).encode(), status=201)


async def test_a_prediction_is_asked_for_until_it_has_ended() -> None:
    def answers(came: Came, url: str) -> bytes:
        if came.method == "POST":
            assert came.headers["prefer"] == "wait"
            return prediction(url, "starting")
        return prediction(url, "succeeded", ["Hel", "lo"])

    async with rig() as here, raw_provider(answers) as raw:
        provider = account("replicate", raw.url + "/v1")
        one = errand(provider, "r8", model="meta/llama")
        content = await here.calls.send(one)
    assert one.outgoing.codec.read_answer(content).choices[0].parts[0].text == "Hello"
    assert [(came.method, came.target) for came in raw.came] == [
        ("POST", "/v1/models/meta/llama/predictions"),
        ("GET", "/v1/predictions/p1"),
    ]
    assert {came.headers["authorization"] for came in raw.came} == {"Bearer r8"}


@pytest.mark.parametrize("streams", [True, False])
async def test_a_prediction_s_stream_is_where_its_first_answer_says(streams: bool) -> None:
    def answers(came: Came, url: str) -> bytes:
        if came.method == "POST":
            assert "prefer" not in came.headers
            return prediction(url, "starting", **({"stream": url + "/stream/p1?x=1"} if streams else {}))
        if came.target.startswith("/stream"):
            assert came.headers["accept"] == "text/event-stream"
            events = b"event: output\ndata: Hel\n\nevent: output\ndata: lo\n\nevent: done\ndata: {}\n\n"
            return answer(events, kind="text/event-stream")
        return prediction(url, "succeeded", "Hello")

    async with rig() as here, raw_provider(answers) as raw:
        one = errand(account("replicate", raw.url + "/v1"), "r8", model="meta/llama", stream=True)
        relay = relay_to_openai(one)
        passed = await drain(await here.calls.stream(one), relay)
    targets = [came.target for came in raw.came[1:]]
    assert targets == [*(["/stream/p1?x=1"] if streams else []), "/v1/predictions/p1"]
    assert relay.done and "".join(re.findall(r'"content":"([^"]*)"', passed.decode())) == "Hello"


@pytest.mark.parametrize("elsewhere", ["http://127.0.0.2:1/x", "https://127.0.0.1/x", "http://evil.example/x"])
async def test_an_answer_that_points_elsewhere_is_not_followed_with_the_credential(elsewhere: str) -> None:
    def answers(came: Came, url: str) -> bytes:
        return prediction(url, "starting", get=elsewhere)

    async with rig() as here, raw_provider(answers) as raw:
        with pytest.raises(CallFailed, match="malformed"):
            await here.send(account("replicate", raw.url + "/v1"), "r8", model="meta/llama")
    assert len(raw.came) == 1


# The mock provider's own judgement ----------------------------------------------------------------------------


async def test_the_mock_that_verifies_signatures_takes_ours_and_no_other_secret_s() -> None:
    model = "anthropic.claude-sonnet-4-5-v1:0"
    async with running_mock(aws_secret="aws-secret") as mock, rig() as here:
        provider = account("bedrock", mock.url + "/bedrock", region="eu-central-1")
        one = errand(provider, json.dumps(AWS), model=model)
        assert one.outgoing.codec.read_answer(await here.calls.send(one)).choices[0].parts
        with pytest.raises(CallFailed, match="status 403"):
            await here.send(provider, json.dumps({**AWS, "secret_access_key": "another"}), model=model)
        streamed = errand(provider, json.dumps(AWS), model=model, stream=True)
        relay = relay_to_openai(streamed, AwsEventParser())
        passed = await drain(await here.calls.stream(streamed), relay)
    assert relay.done and passed.endswith(b"data: [DONE]\n\n")


async def test_the_mock_s_predictions_are_followed_to_their_answers() -> None:
    async with running_mock() as mock, rig() as here:
        provider = account("replicate", mock.url + "/replicate/v1")
        one = errand(provider, "r8_key", model="meta/meta-llama-3-70b-instruct")
        whole = one.outgoing.codec.read_answer(await here.calls.send(one))
        streamed = errand(provider, "r8_key", model="meta/meta-llama-3-70b-instruct", stream=True)
        relay = relay_to_openai(streamed)
        passed = await drain(await here.calls.stream(streamed), relay)
    assert whole.choices[0].parts and relay.done
    # what it took stands in the prediction, and not in its stream
    assert whole.usage and f'"prompt_tokens":{whole.usage.input_tokens}'.encode() in passed
