"""`nexus at` on a real log whose configuration changed and changed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from projections.log import api
from projections.log.connection import LogConnection
from projections.log.store import ConfigStore
from schemas import subjects
from schemas.aggregates import budget, credential, model, model_list, policy, provider, route, tenant, virtual_key
from schemas.aggregates.decider import Decider, Put, Remove
from schemas.ids import iso
from tests.integration.log_fixture import CLOCK, IDS, connection
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.test_cli_log import nexus

__all__ = ["connection", "nats_server"]

HASH = "ab" * 32
SEALED = credential.SealedSecret(key="k1", nonce=b"n" * 12, ciphertext=b"c" * 40)


class History:
    """What was done, one step after the other, and when each had been done."""

    def __init__(self, data: Path, store: ConfigStore) -> None:
        self.data = data
        self.times: dict[str, str] = {}
        self.positions: dict[str, str] = {}
        self._store = store

    async def put(self, step: str, decider: Decider, spec: Any, actor: str = "admin:ann") -> None:
        await self._do(step, decider, spec.tenant if hasattr(spec, "tenant") else spec.id, spec.id, Put(spec), actor)

    async def remove(self, step: str, decider: Decider, identifier: str, actor: str) -> None:
        await self._do(step, decider, "acme", identifier, Remove("left us"), actor)

    async def _do(self, step: str, decider: Decider, of: str, identifier: str, command: Any, actor: str) -> None:
        handled = await self._store.handle(decider, of, identifier, command, actor=actor, correlation=step)
        self.positions[step] = f"CONFIG:{handled.sequence}"
        self.times[step] = iso(CLOCK.now_us())

    async def at(self, step: str, *argv: str) -> dict[str, Any]:
        """The same whether one names the time or the position."""
        by_time = await self.told(self.times[step], *argv)
        by_position = await self.told(self.positions[step], *argv)
        assert by_time["items"] == by_position["items"]
        assert by_position["at"]["position"] == self.positions[step]
        return by_time

    async def told(self, *argv: str) -> dict[str, Any]:
        code, out, err = await nexus("at", *argv, "--data", str(self.data), "--output", "json")
        assert code == 0, err
        found: dict[str, Any] = json.loads(out)
        return found

    async def code(self, *argv: str) -> tuple[int, str]:
        code, _, err = await nexus("at", *argv, "--data", str(self.data))
        return code, err


@pytest.fixture
async def history(connection: LogConnection, nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[History]:
    (tmp_path / "endpoints.json").write_text(json.dumps({"nats": nats_server.url}))
    told = History(tmp_path, ConfigStore(connection, CLOCK, IDS, writer="admin"))
    await told.put("tenant", tenant.DECIDER, tenant.Tenant(id="acme"))
    for name in ("one", "two"):
        await told.put(
            name, credential.DECIDER, credential.Credential(id=name, tenant="acme", sealed=SEALED, description="c")
        )
        account = provider.Provider(id=name, tenant="acme", base_url="http://127.0.0.1:1", credential=name)
        await told.put(name, provider.DECIDER, account)
        made = model.Model(id=f"{name}/gpt", tenant="acme")
        await told.put(name, model.DECIDER, made)
    first = route.Route(id="r", tenant="acme", targets=(route.Target("one"),))
    await told.put("routed", route.DECIDER, first, "admin:ann")
    second = route.Route(id="r", tenant="acme", targets=(route.Target("two"),))
    await told.put("rerouted", route.DECIDER, second, "admin:bob")
    key = virtual_key.VirtualKey(id="k", tenant="acme", hash=HASH, prefix="nvk_01234567", name="app")
    await told.put("key", virtual_key.DECIDER, key)
    await told.put("budget", budget.DECIDER, budget.Budget(id="b", tenant="acme", limit_micros=5_000_000))
    await told.put("raised", budget.DECIDER, budget.Budget(id="b", tenant="acme", limit_micros=9_000_000), "admin:eve")
    await told.remove("revoked", virtual_key.DECIDER, "k", "admin:eve")
    await told.remove("no budget", budget.DECIDER, "b", "admin:eve")
    await told.put("other", tenant.DECIDER, tenant.Tenant(id="other"))
    yield told


async def test_a_route_leads_where_it_led(history: History) -> None:
    (before,) = (await history.at("routed", "route", "gpt"))["items"]
    (after,) = (await history.at("rerouted", "route", "gpt"))["items"]
    assert (before["route"], before["targets"], after["targets"]) == ("r", ["one/gpt"], ["two/gpt"])
    changes = {(row["aggregate"], row["id"]): row for row in after["changes"]}
    assert [*changes] == [("tenant", "acme"), ("route", "r"), ("model", "two/gpt"), ("provider", "two")]
    changed = changes["route", "r"]
    assert (changed["version"], changed["by"], changed["fact"]) == (2, "admin:bob", "route.changed.v1")
    assert changed["position"] == history.positions["rerouted"]
    assert history.times["routed"] < changed["changed"] <= history.times["rerouted"]
    code, err = await history.code(history.times["two"], "route", "gpt")
    assert (code, "no route led to gpt then" in err) == (5, True)
    await history.remove("no route", route.DECIDER, "r", "admin:eve")
    code, err = await history.code(history.times["no route"], "route", "gpt")
    assert (code, "acme's route r had been removed by admin:eve at 20" in err) == (5, True)
    assert history.positions["no route"] in err


async def test_a_policy_that_was_asked_is_among_what_led_there(history: History) -> None:
    strict = policy.Policy(id="default", tenant="acme", disabled=("email.address",))
    await history.put("strict", policy.DECIDER, strict, "admin:bob")
    (found,) = (await history.at("strict", "route", "gpt"))["items"]
    assert ("policy", "default", "admin:bob") in [(row["aggregate"], row["id"], row["by"]) for row in found["changes"]]


async def test_a_model_that_nobody_configured_was_there_because_its_provider_listed_it(history: History) -> None:
    told = model_list.ModelList(id="two", tenant="acme", wire="openai", models=(model_list.Listed(name="new"),))
    await history.put("listed", model_list.DECIDER, told, "worker:discovery")
    (found,) = (await history.at("listed", "route", "new"))["items"]
    assert found["targets"] == ["two/new"]
    changes = [(row["aggregate"], row["id"], row["by"]) for row in found["changes"]]
    assert ("model-list", "two", "worker:discovery") in changes


async def test_a_key_was_good_until_it_was_revoked(history: History) -> None:
    (good,) = (await history.at("key", "key", "nvk_01234567"))["items"]
    assert (good["standing"], good["by"], good["spec"]["name"]) == ("in force", "admin:ann", "app")
    whole = "nvk_01234567" + "f" * 56
    (gone,) = (await history.told("now", "key", whole))["items"]
    assert (gone["standing"], gone["by"], gone["version"]) == ("revoked: left us", "admin:eve", 2)
    assert (await history.told("now", "key", "k"))["items"] == [gone]
    code, err = await history.code("now", "key", "nvk_99999999" + "e" * 56)
    assert (code, "eeee" in err) == (5, False)
    assert (await history.code(history.positions["rerouted"], "key", "nvk_01234567"))[0] == 5


async def test_a_budget_had_the_limit_it_had(history: History) -> None:
    limits = {step: (await history.at(step, "budget", "b"))["items"][0]["limit"] for step in ("budget", "raised")}
    assert limits == {"budget": "$5.000000", "raised": "$9.000000"}
    assert (await history.at("raised", "budget", "b"))["items"][0]["by"] == "admin:eve"
    code, err = await history.code("now", "budget", "b")
    assert (code, "removed by admin:eve at 20" in err, history.positions["no budget"] in err) == (5, True, True)


async def test_all_of_it_without_what_is_secret(history: History) -> None:
    found = (await history.at("key", "config"))["items"]
    assert [(row["aggregate"], row["id"]) for row in found] == [
        ("credential", "one"), ("credential", "two"), ("model", "one/gpt"), ("model", "two/gpt"),
        ("provider", "one"), ("provider", "two"), ("route", "r"), ("tenant", "acme"), ("virtual-key", "k"),
    ]  # fmt: skip
    text = json.dumps(found)
    assert (HASH in text, SEALED.ciphertext.hex() in text, "(sealed)" in text) == (False, False, True)
    now = (await history.told("now", "config"))["items"]
    assert {row["aggregate"] for row in now if row["id"] in ("k", "b")} == set()
    assert [row["id"] for row in (await history.told("-0s", "config", "--tenant", "other"))["items"]] == ["other"]
    assert (await history.told("-1h", "config"))["items"] == []
    code, err = await history.code("CONFIG:999", "config")
    assert (code, "has not come yet; the last is CONFIG:" in err) == (2, True)


async def test_people_get_a_table_and_fields(history: History) -> None:
    data = str(history.data)
    code, out, _ = await nexus("at", "now", "config", "--data", data)
    assert (code, out.split()[:4]) == (0, ["TENANT", "AGGREGATE", "ID", "VERSION"])
    code, out, _ = await nexus("at", history.times["raised"], "budget", "b", "--data", data)
    assert (code, "admin:eve" in out, "$9.000000" in out) == (0, True, True)
    code, out, _ = await nexus("at", history.times["rerouted"], "route", "gpt", "--data", data)
    assert (code, "two/gpt" in out, "admin:bob" in out) == (0, True, True)


async def test_what_cannot_be_read_is_passed_over_and_told(history: History, connection: LogConnection) -> None:
    before = (await history.told("now", "config"))["items"]
    await api.publish(connection, subjects.config("acme", "route", "r"), b"no segment", {})
    code, out, err = await nexus("at", "now", "config", "--data", str(history.data), "--output", "json")
    assert (code, json.loads(out)["items"] == before) == (0, True)
    assert "1 messages of CONFIG cannot be read" in err


@pytest.mark.parametrize(
    "argv",
    [
        ["yesterday", "config"], ["2100-01-01", "config"], ["TRAFFIC:3", "config"], ["CONFIG:x", "config"],
        ["now", "config", "r"], ["now", "key"], ["now", "weather"], ["-2y", "config"],
    ],
)  # fmt: skip
async def test_wrong_usage_is_2(argv: list[str], tmp_path: Path) -> None:
    assert (await nexus("at", *argv, "--data", str(tmp_path)))[0] == 2
