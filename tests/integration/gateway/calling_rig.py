"""What tests of calls to providers have in common: calls over real sockets, accounts, credentials, signatures."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ingress.codecs.aws_events import AwsEventParser
from ingress.codecs.openai.chat import OpenAIChat
from ingress.codecs.openai_chat import parse_request
from ingress.codecs.passage import Crossing, Stamp
from ingress.gateway.calling import Arriving, Calls
from ingress.gateway.identity import Errand, Identity
from ingress.gateway.relay import Relay
from ingress.gateway.screening import StreamScreening
from ingress.gateway.tokens import Tokens
from ingress.gateway.upstream import Upstream
from ingress.providers.outgoing import prepare
from ingress.providers.sigv4 import canonical_request, signing_key, string_to_sign
from projections.screening import Screener, compile_rules, load_builtin_rules
from schemas.aggregates.model import Model
from schemas.aggregates.provider import Provider
from schemas.ids import SystemClock
from schemas.screening.model import ScreeningPolicy
from tests.integration.gateway.raw_provider import Came, answer

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


KEY = rsa.generate_private_key(65_537, 2_048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()


def google_account(url: str) -> str:
    told = {"type": "service_account", "client_email": "n@p.iam", "private_key": PEM, "private_key_id": "k1",
            "token_uri": url + "/token"}  # fmt: skip
    return json.dumps(told, indent=2)
