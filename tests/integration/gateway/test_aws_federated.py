"""Bedrock called as a web identity, and as a person who signed in, with STS and the portal played."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from pathlib import Path

import pytest

from tests.integration.gateway.calling_rig import CONVERSE, account, rig, signed_rightly
from tests.integration.gateway.raw_provider import Came, answer, raw_provider
from tests.unit.ingress.providers.test_aws_federated import ASSUMED, CONFIG

LATER = "2099-01-01T00:00:00Z"


def served(came: Came, url: str) -> bytes:
    if came.method == "POST" and b"AssumeRoleWithWebIdentity" in came.body:
        assert came.headers["accept"] == "text/xml" and b"WebIdentityToken=jwt-1" in came.body
        return answer(ASSUMED.replace("2026-10-24T23:00:23Z", LATER).encode(), kind="text/xml")
    if came.target == "/federation/credentials?role_name=Reader&account_id=123456789012":
        assert came.headers["x-amz-sso_bearer_token"] == "signed-in"
        role = {
            "accessKeyId": "ASIP", "secretAccessKey": "portal-secret", "sessionToken": "t",
            "expiration": int((time.time() + 3_600) * 1_000),
        }  # fmt: skip
        return answer(json.dumps({"roleCredentials": role}).encode())
    return answer(CONVERSE)


@pytest.mark.parametrize(("way", "access_key", "secret"), [("web", "ASIA", "secret"), ("sso", "ASIP", "portal-secret")])
async def test_a_token_becomes_credentials_once_for_all(
    way: str, access_key: str, secret: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    cache = tmp_path / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    (tmp_path / ".aws" / "config").write_text(CONFIG)
    name = hashlib.sha1(b"corp", usedforsecurity=False).hexdigest()
    (cache / f"{name}.json").write_text(json.dumps({"accessToken": "signed-in", "expiresAt": LATER}))
    (tmp_path / "jwt").write_text("jwt-1\n")
    async with raw_provider(served) as raw:
        environment = {"AWS_ENDPOINT_URL_STS": raw.url, "AWS_ENDPOINT_URL_SSO": raw.url, "AWS_PROFILE": "work"}
        if way == "web":
            environment |= {
                "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "jwt"),
                "AWS_ROLE_ARN": "arn:aws:iam::1:role/r",
            }
        async with rig(environment, ambient="t") as here:
            provider = account("bedrock", raw.url, region="eu-west-1")
            await asyncio.gather(*(here.send(provider) for _ in range(3)))
    calls = [came for came in raw.came if "converse" in came.target]
    assert (len(calls), len(raw.came)) == (3, 4) and all(signed_rightly(came, secret) for came in calls)
    assert f"Credential={access_key}/" in calls[0].headers["authorization"]
