"""Each kind of provider that lists its models, asked as an account of it, at the mock provider."""

from __future__ import annotations

import pytest

from ingress.discovery.asking import Asking, NotListed
from ingress.gateway.identity import Identity
from ingress.gateway.tokens import Tokens
from ingress.gateway.upstream import Upstream
from ops.mock import running_mock
from schemas.aggregates.provider import Provider
from schemas.ids import Ids, SystemClock
from schemas.wires import WIRES
from tests.judges.courts import ACCOUNTS

AWS = '{"access_key_id": "AKIDEXAMPLE", "secret_access_key": "aws-secret-1"}'
LISTING = sorted(wire for wire, one in WIRES.items() if one.listings)
PATHS = {**{wire: path for wire, (path, _) in ACCOUNTS.items()}, "openai_compatible": "/v1"}


def account(wire: str, url: str) -> Provider:
    return Provider(id=wire, tenant="t", wire=wire, base_url=url + PATHS[wire], credential="c", region="us-east-1")


async def models(provider: Provider, secret: str) -> list[str]:
    clock = SystemClock()
    upstream = Upstream(clock.monotonic)
    tokens = Tokens(clock.monotonic)
    try:
        identity = Identity(upstream, tokens, clock, {}, "")
        asking = Asking(upstream, identity, lambda tenant, name: secret, clock, Ids(clock))
        return [each.name for each in (await asking.models(provider)).models]
    finally:
        await tokens.close()
        await upstream.close()


@pytest.mark.parametrize("wire", LISTING)
async def test_every_list_that_there_is_can_be_had(wire: str) -> None:
    async with running_mock(aws_secret="aws-secret-1") as mock:
        found = await models(account(wire, mock.url), AWS if wire == "bedrock" else "provider-secret")
    assert found and found == sorted(found)
    assert not any(name.startswith("models/") for name in found)
    if wire == "bedrock":
        # signed lists, one of them in two pages
        assert len(found) == 4 and "us.amazon.nova-premier-v1:0" in found


@pytest.mark.parametrize("wire", LISTING)
async def test_a_credential_that_is_refused_is_told_by_its_status_only(wire: str) -> None:
    async with running_mock() as mock:
        with pytest.raises(NotListed) as told:
            await models(account(wire, mock.url), "sk-bad-secret")
    assert str(told.value).startswith("status 4") and "sk-bad" not in str(told.value)
