"""What discovery writes, and when, over a store in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from ingress.discovery.asking import NotListed
from ingress.discovery.refreshing import Discovery
from schemas.aggregates.credential import Credential, SealedSecret
from schemas.aggregates.decider import Command, Decider, State
from schemas.aggregates.model_list import Listed, ModelList
from schemas.aggregates.provider import Provider
from schemas.errors import Conflict, NotFound
from schemas.facts.ops import ModelListFailed
from schemas.ids import Ids, SystemClock
from tests.waiting import until


class Handled(msgspec.Struct):
    state: State
    version: int
    sequence: int


class World:
    """A log, its view and the providers, all in memory."""

    def __init__(self, *accounts: Provider, interval_s: float = 3_600.0) -> None:
        self.specs: dict[tuple[str, str], Any] = {("provider", each.id): each for each in accounts}
        self.told: dict[str, tuple[str, ...] | str] = {}
        self.facts: list[msgspec.Struct] = []
        self.alerts: list[ModelListFailed] = []
        self.asked: list[str] = []
        self.meanwhile = 0
        clock = SystemClock()
        self.discovery = Discovery(
            self.ask, self, self, lambda _, fact, __: self.alerts.append(fact), clock, Ids(clock), interval_s
        )

    async def ask(self, provider: Provider) -> ModelList:
        self.asked.append(provider.id)
        told = self.told.get(provider.id, ())
        if isinstance(told, str):
            raise NotListed(told)
        models = tuple(Listed(name=name) for name in told)
        return ModelList(id=provider.id, tenant="t", wire=provider.wire, models=models, at_us=len(self.asked))

    async def load(self, decider: Decider, tenant: str, id: str) -> Handled:
        return Handled(self.specs.get((decider.name, id)), 1, len(self.facts))

    async def handle(
        self,
        decider: Decider,
        tenant: str,
        id: str,
        command: Command,
        *,
        actor: str,
        correlation: str,
        expected: int | None = None,
    ) -> Handled:
        if expected is not None and expected != len(self.facts) + self.meanwhile:
            raise Conflict("changed")
        before = self.specs.get((decider.name, id))
        for fact in decider.decide(command, before):
            self.facts.append(fact)
            before = decider.evolve(before, fact)
        self.specs.pop((decider.name, id), None)
        if before is not None:
            self.specs[decider.name, id] = before
        return Handled(before, 1, len(self.facts))

    def state_of(self, aggregate: str, tenant: str, identifier: str) -> State:
        found: State = self.specs.get((aggregate, identifier))
        return found

    def all_of(self, aggregate: str, tenant: str | None = None) -> Iterable[Any]:
        return [spec for (kind, _), spec in sorted(self.specs.items()) if kind == aggregate]

    def models(self, account: str) -> tuple[list[str], str] | None:
        found = self.specs.get(("model-list", account))
        return None if found is None else ([each.name for each in found.models], found.failed)


def account(identifier: str, **fields: Any) -> Provider:
    return Provider(**{"id": identifier, "tenant": "t", "base_url": "http://h", **fields})


async def test_the_same_list_is_one_fact_and_a_failure_one_alert() -> None:
    world = World(account("a"))
    world.told["a"] = ("m",)
    await world.discovery.refresh("t", "a")
    await world.discovery.refresh("t", "a")
    assert (world.models("a"), len(world.facts)) == ((["m"], ""), 1)
    for reason in ("timeout", "status 500"):
        world.told["a"] = reason
        await world.discovery.refresh("t", "a")
    assert (world.models("a"), len(world.facts)) == ((["m"], "timeout"), 2)
    assert world.alerts == [ModelListFailed("a", "timeout", 1)]
    assert [spec.id for spec in world.discovery.failing()] == ["a"]
    world.told["a"] = ("m", "n")
    await world.discovery.refresh("t", "a")
    assert (world.models("a"), len(world.alerts)) == ((["m", "n"], ""), 1)
    assert world.discovery.asked == {"listed": 3, "failed": 2}


@pytest.mark.parametrize("fields", [{"enabled": False}, {"discover": False}, {"wire": "voyage"}])
async def test_an_account_that_is_not_to_be_asked_is_not_asked(fields: dict[str, Any]) -> None:
    world = World(account("a", **fields))
    with pytest.raises(NotFound):
        await world.discovery.refresh("t", "a")
    assert world.asked == []


async def test_what_another_process_wrote_meanwhile_is_not_written_over() -> None:
    world = World(account("a"))
    world.meanwhile = 1
    with pytest.raises(Conflict):
        await world.discovery.refresh("t", "a")
    assert world.facts == []
    by_the_other = ModelList(id="a", tenant="t", wire="openai", models=(Listed(name="m"),), at_us=1)
    world.specs["model-list", "a"] = by_the_other
    world.told["a"] = ("m", "n")
    assert (await world.discovery.refresh("t", "a")).spec == by_the_other
    assert world.facts == []


async def test_all_accounts_at_the_start_and_a_changed_one_or_one_with_a_changed_credential_at_once() -> None:
    world = World(account("a", credential="c"), account("b"))
    world.told = {"a": ("m",), "b": "connect"}
    running = asyncio.create_task(world.discovery.run())
    try:
        await until(lambda: sorted(world.asked) == ["a", "b"], "both are asked")
        world.discovery.changed("provider", "t", "b")
        await until(lambda: world.asked.count("b") == 2, "the changed one is asked")
        sealed = SealedSecret(key="k", nonce=b"0" * 12, ciphertext=b"0" * 17)
        world.specs["credential", "c"] = Credential(id="c", tenant="t", sealed=sealed)
        world.discovery.changed("credential", "t", "c")
        await until(lambda: world.asked.count("a") == 2, "the one with the credential is asked")
        world.discovery.changed("model", "t", "a/m")
        assert len(world.asked) == 4
    finally:
        running.cancel()


async def test_the_list_goes_with_its_account_and_when_the_account_wants_none() -> None:
    world = World(account("a"), account("b"))
    world.told = {"a": ("m",), "b": ("m",)}
    running = asyncio.create_task(world.discovery.run())
    try:
        await until(lambda: bool(world.models("a") and world.models("b")), "both are listed")
        del world.specs["provider", "a"]
        world.specs["provider", "b"] = account("b", discover=False)
        world.discovery.changed("provider", "t", "a")
        world.discovery.changed("provider", "t", "b")
        await until(lambda: world.models("a") is None and world.models("b") is None, "both lists are gone")
    finally:
        running.cancel()


async def test_a_list_whose_account_went_while_nobody_looked_goes_in_the_next_round() -> None:
    world = World()
    world.specs["model-list", "gone"] = ModelList(id="gone", tenant="t", wire="openai")
    running = asyncio.create_task(world.discovery.run())
    try:
        await until(lambda: world.models("gone") is None, "the list is gone")
    finally:
        running.cancel()
