"""Calls as each kind of provider wants them: signed, with fetched tokens, followed, by rule. Over real sockets."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ingress.codecs.aws_events import AwsEventParser, encode_event
from ingress.codecs.openai.chat import OpenAIChat
from ingress.codecs.openai_chat import parse_request
from ingress.codecs.passage import Crossing, Stamp
from ingress.gateway.call import CallFailed
from ingress.gateway.calling import Arriving, Calls
from ingress.gateway.failure import error_of
from ingress.gateway.identity import Errand, Identity
from ingress.gateway.relay import Relay
from ingress.gateway.screening import StreamScreening
from ingress.gateway.tokens import Tokens
from ingress.gateway.upstream import Upstream
from ingress.providers.outgoing import prepare
from ingress.providers.sigv4 import canonical_request, signing_key, string_to_sign
from ops.mock import running_mock
from projections.screening import Screener, compile_rules, load_builtin_rules
from schemas.aggregates.header_rules import HeaderRule
from schemas.aggregates.model import Model
from schemas.aggregates.provider import Provider
from schemas.ids import SystemClock
from schemas.screening.model import ScreeningPolicy
from tests.integration.gateway.raw_provider import Came, Raw, answer, raw_provider

SCREENER = Screener(compile_rules([rule for rule in load_builtin_rules() if rule.id.startswith("secret.aws-")]))
ASKED = {"authorization": "Bearer nvk_x", "x-team": "blue", "x-provider-api-key": "sk-own"}
AWS = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "aws-secret", "session_token": "session"}


class Rig:
    def __init__(self, environment: dict[str, str], ambient: str) -> None:
        self.now = 1_000.0
        self.upstream = Upstream(lambda: self.now)
        self.tokens = Tokens(lambda: self.now)
        self.calls = Calls(self.upstream, Identity(self.upstream, self.tokens, SystemClock(), environment, ambient))

    async def send(self, provider: Provider, secret: str = "", **options: Any) -> bytes:
        return await self.calls.send(errand(provider, secret, **options))


@asynccontextmanager
async def rig(environment: dict[str, str] | None = None, ambient: str = "") -> AsyncIterator[Rig]:
    built = Rig(environment or {}, ambient)
    try:
        yield built
    finally:
        await built.tokens.close()
        await built.upstream.close()


def errand(
    provider: Provider, secret: str, *, model: str = "m", stream: bool = False, forwarded: bool = False,
    of: Model | None = None,
) -> Errand:  # fmt: skip
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "stream": stream}
    outgoing = prepare(parse_request(json.dumps(body).encode()), provider, model, None)
    return Errand(provider, of, outgoing, secret, forwarded, "req-1", lambda: ASKED)


def account(wire: str, url: str, **fields: Any) -> Provider:
    return Provider(**{"id": "a", "tenant": "t", "wire": wire, "base_url": url, **fields})


def token(text: str, lifetime_s: int = 3_600) -> bytes:
    return answer(json.dumps({"access_token": text, "expires_in": lifetime_s, "token_type": "Bearer"}).encode())


async def drain(arriving: Arriving, relay: Relay) -> bytes:
    passed: list[bytes] = []

    def take(piece: bytes) -> bool:
        passed.append(relay.feed(piece))
        return not relay.failed

    while await arriving.each(take):
        assert not relay.failed
    await arriving.end()
    return b"".join(passed)


def relay_to_openai(one: Errand, parser: AwsEventParser | None = None) -> Relay:
    relay = Relay(StreamScreening(SCREENER, ScreeningPolicy()), True, keep=True)
    relay.through(Crossing(one.outgoing.codec, OpenAIChat(), Stamp("id", "m", 1), include_usage=True), parser)
    return relay


# AWS ----------------------------------------------------------------------------------------------------------


def signed_rightly(came: Came, secret: str) -> bool:
    """Verifies a signature as AWS would, from what came over the wire alone."""
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=[^/]+/(\d{8})/([^/]+)/([^/]+)/aws4_request, SignedHeaders=([^,]+), "
        r"Signature=([0-9a-f]{64})",
        came.headers["authorization"],
    )
    assert found is not None
    day, region, service, names, signature = found.groups()
    path, _, query = came.target.partition("?")
    headers = {name: came.headers[name] for name in names.split(";")}
    canonical, _ = canonical_request(came.method, path, query, headers, hashlib.sha256(came.body).hexdigest())
    told = string_to_sign(came.headers["x-amz-date"], f"{day}/{region}/{service}/aws4_request", canonical)
    key = signing_key(secret, day, region, service)
    assert {"host", "x-amz-date"} <= set(headers)
    return hmac.compare_digest(hmac.new(key, told.encode(), hashlib.sha256).hexdigest(), signature)


CONVERSE = json.dumps(
    {
        "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 3, "outputTokens": 1, "totalTokens": 4},
    }
).encode()


async def test_bedrock_is_called_with_a_signature() -> None:
    async with rig() as here, raw_provider(lambda came, url: answer(CONVERSE)) as raw:
        provider = account("bedrock", raw.url, region="us-east-1")
        raw_answer = await here.send(provider, json.dumps(AWS), model="anthropic.claude-v2:1")
    (came,) = raw.came
    assert raw_answer == CONVERSE
    assert came.target == "/model/anthropic.claude-v2%3A1/converse" and b'"model"' not in came.body
    assert signed_rightly(came, "aws-secret") and not signed_rightly(came, "other")
    assert came.headers["x-amz-security-token"] == "session"


async def test_bedrock_s_binary_stream_becomes_the_caller_s() -> None:
    def event(kind: str, body: dict[str, Any]) -> bytes:
        headers = {":message-type": "event", ":event-type": kind, ":content-type": "application/json"}
        return encode_event(headers, json.dumps(body).encode())

    stream = b"".join(
        (
            event("messageStart", {"role": "assistant"}),
            event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hel"}}),
            event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "lo"}}),
            event("contentBlockStop", {"contentBlockIndex": 0}),
            event("messageStop", {"stopReason": "end_turn"}),
            event("metadata", {"usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}}),
        )
    )
    kind = "application/vnd.amazon.eventstream"
    async with rig() as here, raw_provider(lambda came, url: answer(stream, kind=kind)) as raw:
        one = errand(account("bedrock", raw.url, region="us-east-1"), json.dumps(AWS), model="nova", stream=True)
        assert one.outgoing.framing == "aws"
        relay = relay_to_openai(one, AwsEventParser())
        passed = await drain(await here.calls.stream(one), relay)
    assert raw.came[0].target == "/model/nova/converse-stream" and b"stream" not in raw.came[0].body
    assert relay.done and relay.usage is not None and relay.usage.output_tokens == 2
    assert "".join(re.findall(r'"content":"([^"]*)"', passed.decode())) == "Hello"
    assert passed.endswith(b"data: [DONE]\n\n")


async def test_a_bedrock_api_key_needs_no_signature() -> None:
    async with rig() as here, raw_provider(lambda came, url: answer(CONVERSE)) as raw:
        await here.send(account("bedrock", raw.url, region="us-east-1"), "bedrock-key")
    assert raw.came[0].headers["authorization"] == "Bearer bedrock-key"


def metadata(came: Came, url: str) -> bytes:
    """An instance's metadata (version 2 only), a container's, and Bedrock."""
    served = {
        "AccessKeyId": "ASIA",
        "SecretAccessKey": "role-secret",
        "Token": "t",
        "Expiration": "2099-01-01T00:00:00Z",
    }
    match came.method, came.target:
        case "PUT", "/latest/api/token" if came.headers.get("x-aws-ec2-metadata-token-ttl-seconds"):
            return answer(b"imds-token", kind="text/plain")
        case "GET", "/latest/meta-data/iam/security-credentials/" if "x-aws-ec2-metadata-token" in came.headers:
            return answer(b"the-role\n", kind="text/plain")
        case "GET", "/latest/meta-data/iam/security-credentials/the-role":
            return answer(json.dumps(served).encode())
        case "GET", "/container" if came.headers.get("authorization") == "container-token":
            return answer(json.dumps({**served, "AccessKeyId": "ASIC"}).encode())
        case "POST", _:
            return answer(CONVERSE)
    return answer(b"{}", status=404)


@pytest.mark.parametrize(
    ("source", "access_key", "secret"),
    [
        ("environment", "AKIE", "env-secret"),
        ("file", "AKIF", "file-secret"),
        ("container", "ASIC", "role-secret"),
        ("instance", "ASIA", "role-secret"),
    ],
)
async def test_without_a_credential_aws_s_own_chain_is_asked(
    source: str, access_key: str, secret: str, tmp_path: Path
) -> None:
    shared = tmp_path / "credentials"
    if source == "file":
        shared.write_text("[default]\naws_access_key_id = no\naws_secret_access_key = no\n"
                          "[work]\naws_access_key_id = AKIF\naws_secret_access_key = file-secret\n")  # fmt: skip
    async with raw_provider(metadata) as raw:
        environment = {
            "AWS_SHARED_CREDENTIALS_FILE": str(shared),
            "AWS_PROFILE": "work",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": raw.url,
        }
        if source == "environment":
            environment |= {"AWS_ACCESS_KEY_ID": "AKIE", "AWS_SECRET_ACCESS_KEY": "env-secret"}
        if source == "container":
            environment |= {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": raw.url + "/container",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": "container-token",
            }
        async with rig(environment, ambient="other,t") as here:
            provider = account("bedrock", raw.url, region="eu-west-1")
            await asyncio.gather(*(here.send(provider) for _ in range(5)))
    calls = [came for came in raw.came if came.method == "POST"]
    assert len(calls) == 5 and all(signed_rightly(came, secret) for came in calls)
    assert f"Credential={access_key}/" in calls[0].headers["authorization"]
    # fetched once for all five
    assert len(raw.came) - 5 == {"instance": 3, "container": 1}.get(source, 0)


async def test_a_tenant_that_may_not_call_as_this_machine_gets_none_of_its_tokens() -> None:
    for wire in ("bedrock", "vertex"):
        environment = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "GCE_METADATA_HOST": "127.0.0.1:1"}
        async with raw_provider(lambda came, url: answer(b"{}")) as raw, rig(environment, "other") as here:
            with pytest.raises(CallFailed, match="credential"):
                await here.send(account(wire, raw.url, region="us-east-1", project="p"))
        assert raw.came == []


# Google and Azure ---------------------------------------------------------------------------------------------

KEY = rsa.generate_private_key(65_537, 2_048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()


def google_account(url: str) -> str:
    told = {"type": "service_account", "client_email": "n@p.iam", "private_key": PEM, "private_key_id": "k1",
            "token_uri": url + "/token"}  # fmt: skip
    return json.dumps(told, indent=2)


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
