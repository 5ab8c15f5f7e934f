"""Compressed bodies through a real gateway: of callers, who are told what is wrong with theirs, and of providers."""

from __future__ import annotations

import gzip
import json
from typing import Any

import brotli
import httpx2
import pytest
from backports import zstd

from tests.integration.gateway.town import House, Town

HELLO: list[Any] = [{"role": "user", "content": "Say hello. " * 200}]
PACK = {"gzip": gzip.compress, "br": brotli.compress, "zstd": zstd.compress}
BOMB = gzip.compress(bytes(40 << 20), 1)


def pack(request: httpx2.Request) -> None:
    """Has a client compress what it sends."""
    packed = gzip.compress(request.content)
    request.headers["content-encoding"] = "gzip"
    request.headers["content-length"] = str(len(packed))
    request.stream = httpx2.ByteStream(packed)


def test_the_official_client_may_compress(town: Town) -> None:
    house = town.house(models=("gpt-4o+echo",))
    with httpx2.Client(event_hooks={"request": [pack]}) as transport:
        client = town.client(house, http_client=transport)
        answer = client.chat.completions.with_raw_response.create(model="gpt-4o+echo", messages=HELLO)
    assert answer.parse().choices[0].message.content == HELLO[0]["content"]
    assert answer.http_request.headers["content-encoding"] == "gzip"


def sent(town: Town, house: House, body: bytes, coding: str, path: str) -> tuple[int, Any, dict[str, str]]:
    headers = {"content-type": "application/json", "content-encoding": coding}
    key = {"x-api-key": house.key} if path == "/v1/messages" else {"authorization": f"Bearer {house.key}"}
    return town.send("POST", path, body, {**headers, **key})


def test_callers(town: Town) -> None:
    house = town.house()
    body = json.dumps({"model": "gpt-4o", "messages": HELLO, "max_tokens": 100}).encode()
    called = town.ledger.stat().st_size
    for path in ("/v1/chat/completions", "/v1/messages"):
        for packed, coding, status in (
            (BOMB, "gzip", 413),
            (PACK["gzip"](body)[:-1], "gzip", 400),
            (body, "br", 400),
            (body, "compress", 415),
        ):
            code, error, headers = sent(town, house, packed, coding, path)
            assert code == status and error["error"]["message"], (path, coding)
            assert ("type" in error) == (path == "/v1/messages")
            assert headers.get("accept-encoding") == ("gzip, deflate, br, zstd" if status == 415 else None)
    refused = town.closed(headers["x-nexus-request-id"])
    assert [fact.type for fact, _ in refused] == ["request.refused.v1"] and refused[0][1].cost_micros == 0
    assert town.ledger.stat().st_size == called
    for coding, compress in PACK.items():
        assert sent(town, house, compress(body), coding, "/v1/chat/completions")[0] == 200
    twice = PACK["br"](PACK["gzip"](body))
    assert sent(town, house, twice, "gzip, br", "/v1/messages")[0] == 200


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_providers(town: Town, coding: str) -> None:
    name = f"gpt-4o+echo+coding-{coding}"
    client = town.client(town.house(models=(name,)))
    answer = client.chat.completions.with_raw_response.create(model=name, messages=HELLO)
    assert answer.parse().choices[0].message.content == HELLO[0]["content"]
    assert "content-encoding" not in answer.headers
    stream = client.chat.completions.create(model=name, messages=HELLO, stream=True)
    assert "content-encoding" not in stream.response.headers
    pieces = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
    assert "".join(pieces) == HELLO[0]["content"] and len(pieces) > 3
