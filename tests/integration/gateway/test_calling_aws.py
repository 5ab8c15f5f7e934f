"""Calls of Bedrock as it wants them: signed, with a key, with the machine's own credentials. Over real sockets."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from ingress.codecs.aws_events import AwsEventParser
from ingress.gateway.call import CallFailed
from ops.mock.wires.bedrock import frame
from tests.integration.gateway.calling_rig import (
    AWS,
    CONVERSE,
    account,
    drain,
    errand,
    relay_to_openai,
    rig,
    signed_rightly,
)
from tests.integration.gateway.raw_provider import Came, answer, raw_provider


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
        return frame(headers, json.dumps(body).encode())

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
