"""The event store of CONFIG against a real server: versions, races, answers that get lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from projections.log.connection import LogConnection
from projections.log.reader import last_sequence
from projections.log.store import ConfigStore, Handled, Loaded
from projections.log.verify import verify_chains
from schemas import codec
from schemas.aggregates import budget, tenant
from schemas.aggregates.decider import Change, Command, Create, Put, Remove
from schemas.envelope import GENESIS
from schemas.errors import Conflict, InvalidRequest, NotFound, Unavailable
from tests.integration.log_fixture import CLOCK, IDS, connection, forgotten, shorten_memory, stored, until
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.proxy import proxy_to

__all__ = ["connection", "nats_server"]


def _store(connection: LogConnection, writer: str = "admin") -> ConfigStore:
    return ConfigStore(connection, CLOCK, IDS, writer=writer)


def _budget(limit: int) -> budget.Budget:
    return budget.Budget(id="b", tenant="acme", limit_micros=limit)


async def _do(store: ConfigStore, command: Command, expected: int | None = None) -> Handled:
    return await store.handle(budget.DECIDER, "acme", "b", command, actor="admin:a", correlation="c", expected=expected)


async def test_an_aggregate_goes_through_its_versions(connection: LogConnection) -> None:
    store, other = _store(connection), _store(connection, "other")
    assert (await store.load(budget.DECIDER, "acme", "b")).version == 0
    made = await _do(store, Create(_budget(1)))
    assert (made.sequence, made.version, made.state) == (1, 1, _budget(1))
    assert [fact.type for fact in made.facts] == ["budget.created.v1"] and made.facts[0].actor == "admin:a"
    changed = await _do(other, Change(_budget(2)), expected=made.sequence)
    same = await _do(store, Put(_budget(2)))
    assert same.facts == () and same.sequence == changed.sequence
    with pytest.raises(Conflict):
        await _do(store, Change(_budget(3)), expected=made.sequence)
    with pytest.raises(Conflict):
        await _do(store, Create(_budget(4)))
    with pytest.raises(InvalidRequest):
        await _do(store, Change(_budget(-1)))
    removed = await _do(store, Remove("done"))
    assert removed.state is None and removed.version == 3
    with pytest.raises(NotFound):
        await _do(other, Remove())
    again = await _do(other, Create(_budget(5)))
    assert again.version == 4
    fresh = await _store(connection).load(budget.DECIDER, "acme", "b")
    assert (fresh.state, fresh.version, fresh.sequence) == (_budget(5), 4, again.sequence)
    messages = await stored(connection, "CONFIG")
    segments = [codec.decode_segment(message.payload) for message in messages]
    assert [segment.number for segment in segments] == [1, 2, 3, 4]
    assert segments[0].previous == GENESIS and fresh.hash == codec.segment_hash(messages[-1].payload)
    assert {segment.subject for segment in segments} == {"config.acme.budget.b"}
    report = await verify_chains(connection, ["CONFIG"])
    assert report.ok and report.chains == 1


class _Together(ConfigStore):
    """A store that decides only when all others have loaded as well."""

    barrier: asyncio.Barrier | None = None

    async def load(self, *which: Any) -> Loaded:
        loaded = await super().load(*which)
        barrier, self.barrier = self.barrier, None
        if barrier is not None:
            await barrier.wait()
        return loaded


async def test_of_two_writers_at_once_one_wins(connection: LogConnection) -> None:
    stores = [_Together(connection, CLOCK, IDS, writer=f"w{n}") for n in range(2)]
    for round in range(10):
        for command in (
            Create(_budget(1)),
            [Change(_budget(100 + n)) for n in range(2)],
            [Put(_budget(200 + n)) for n in range(2)],
            Remove(),
        ):
            commands = command if isinstance(command, list) else [command, command]
            barrier = asyncio.Barrier(2)
            for store in stores:
                store.barrier = barrier
            outcomes = await asyncio.gather(
                *(_do(store, wish) for store, wish in zip(stores, commands, strict=True)), return_exceptions=True
            )
            won = [outcome for outcome in outcomes if isinstance(outcome, Handled) and outcome.facts]
            lost = [outcome for outcome in outcomes if isinstance(outcome, (Conflict, NotFound))]
            assert len(won) == 1 and len(lost) == 1, (round, outcomes)
            now = await _store(connection).load(budget.DECIDER, "acme", "b")
            assert now.state == won[0].state and now.sequence == won[0].sequence
    report = await verify_chains(connection, ["CONFIG"])
    assert report.ok and report.segments == 40


async def test_many_commands_on_many_aggregates(connection: LogConnection) -> None:
    stores = [_store(connection, f"w{n}") for n in range(3)]
    names = [f"t.{n}" for n in range(30)]

    async def make(store: ConfigStore, name: str) -> Handled:
        spec = tenant.Tenant(id=name)
        return await store.handle(tenant.DECIDER, "system", name, Put(spec), actor="a", correlation="c")

    outcomes = await asyncio.gather(*(make(store, name) for name in names for store in stores))
    # putting the same thing is agreement, not conflict
    assert sum(len(outcome.facts) for outcome in outcomes) == 30
    assert (await verify_chains(connection, ["CONFIG"])).chains == 30


@pytest.mark.parametrize("remembered", [True, False])
@pytest.mark.parametrize("overtaken", [True, False])
async def test_a_lost_answer_is_no_conflict(
    connection: LogConnection, nats_server: NatsServer, remembered: bool, overtaken: bool
) -> None:
    """The append succeeds, its answer is lost; perhaps somebody else appends before it is tried again."""
    if not remembered:
        await shorten_memory(connection, "CONFIG")
    await _do(_store(connection), Create(_budget(1)))
    async with proxy_to(nats_server.port) as proxy:
        lossy = await LogConnection.open(proxy.url, "lossy", wait_s=10)
        store = _store(lossy, "lossy")
        await store.load(budget.DECIDER, "acme", "b")
        appending = asyncio.create_task(_do(store, Change(_budget(2))))
        while not proxy.swallowing:
            # the next answer on this connection is the one to the append, or to the load before it
            await asyncio.sleep(0)
            proxy.swallowing = store._appended > 0
        while await last_sequence(connection, "CONFIG") < 2:
            assert not appending.done()
        await until(lambda: proxy.swallowed > 0, "the answer is on its way")
        if overtaken:
            await _do(_store(connection, "other"), Change(_budget(3)))
        if not remembered:
            await forgotten(connection, "config.x.y.z")
        proxy.swallowing = False
        proxy.cut()
        handled = await asyncio.wait_for(appending, 20)
        assert handled.sequence == 2 and handled.version == 2 and handled.state == _budget(2)
        now = await store.load(budget.DECIDER, "acme", "b")
        assert now.state == _budget(3 if overtaken else 2) and now.version == (3 if overtaken else 2)
        await lossy.close()
    assert len([message for message in await stored(connection, "CONFIG") if message.payload]) == 2 + overtaken


async def test_without_a_log_the_caller_is_told(connection: LogConnection, nats_server: NatsServer) -> None:
    nats_server.kill()
    with pytest.raises(Unavailable) as error:
        await _do(_store(connection), Create(_budget(1)))
    assert error.value.retry_after is not None
