"""What a gateway tells a scraper: requests as they ended, and nobody's name."""

from __future__ import annotations

import urllib.request
from typing import Any

import openai
import pytest

from tests.integration.gateway.town import Town
from tests.waiting import until_sync

HELLO: list[Any] = [{"role": "user", "content": "Say hello."}]


def scraped(town: Town) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{town.port}/metrics", timeout=10) as answer:
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        lines = answer.read().decode().splitlines()
    assert all(line.startswith(("# HELP nexus_", "# TYPE nexus_", "nexus_")) for line in lines)
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def test_every_end_of_a_request_is_counted(town: Town) -> None:
    house = town.house()
    client = town.client(house)
    before = scraped(town)
    client.chat.completions.create(model="mock/gpt-4o", messages=HELLO)
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="no-such-model", messages=HELLO)
    completed = 'nexus_requests_total{outcome="completed",status="200",code=""}'

    def grown(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    after = before

    def both_ended() -> bool:
        nonlocal after
        after = scraped(town)
        return grown("nexus_request_duration_seconds_count") >= 2

    until_sync(both_ended, "both requests have ended")
    assert grown(completed) == 1
    assert grown("nexus_log_admitted_total") == 2
    assert grown('nexus_request_duration_seconds_bucket{le="+Inf"}') == grown("nexus_request_duration_seconds_count")
    assert grown('nexus_tokens_total{direction="input"}') > 0 and grown("nexus_cost_dollars_total") > 0
    assert (after["nexus_log_healthy"], after["nexus_log_spool_bytes"], after["nexus_budget_store_down"]) == (1, 0, 0)
    told = " ".join(after)
    assert not [name for name in (house.tenant, house.key, "mock", "gpt-4o") if name in told]
