"""What is older than a tenant keeps it goes, nothing else does, a legal hold wins, and finance keeps its sums."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.cli.record import tell
from processors.checkpoint import retaining
from processors.checkpoint.retaining import claim, once
from processors.shared import Shared
from projections.comparing.clickhouse import ClickHouseRows
from projections.comparing.postgres import postgres_rows
from projections.comparing.rows import FINDING, TRAFFIC_EVENT
from projections.comparing.run import ViewReport, compare_traffic
from projections.gone import KIND
from projections.log import api
from projections.log.connection import LogConnection
from projections.log.store import ConfigStore
from projections.log.topology import apply
from projections.log.verify import verify_chains
from projections.retention import Retainer, kept
from projections.vault import BodyVault, Erased, open_vault, periods
from projections.vault.bodies import INLINE
from projections.vault.objects import BodyObjects
from schemas.aggregates.catalogue import BY_NAME
from schemas.aggregates.decider import Put
from schemas.aggregates.hold import EVERYONE, Hold
from schemas.aggregates.retention import Retention
from schemas.codec import decode_segment, open_fact
from schemas.errors import NotFound
from schemas.facts.ops import Removed, RetentionApplied
from schemas.ids import Ids, SystemClock
from schemas.settings import Settings
from schemas.topology import AGEING, EMBEDDED
from tests.integration.log_fixture import connection, fact, stored, writer_on
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.test_cli_log import nexus
from tests.integration.views_fixture import clickhouse_url, database, module_database
from tests.integration.views_rig import Rig, rig, workers

__all__ = ["clickhouse_url", "connection", "database", "module_database", "nats_server"]

CLOCK = SystemClock()
HELD, OTHER = "sub_" + "a" * 32, "sub_" + "b" * 32


class Later:
    """The clock, some days ahead."""

    def __init__(self, days: float) -> None:
        self._ahead_us = int(days * periods.DAY_US)

    def now_us(self) -> int:
        return CLOCK.now_us() + self._ahead_us

    def monotonic(self) -> float:
        return CLOCK.monotonic()


class Configuration:
    """Retentions and holds as a test names them."""

    def __init__(self, *specs: Retention | Hold) -> None:
        self._specs = specs

    def all_of(self, aggregate: str, tenant: str | None = None) -> Iterator[Any]:
        kind = Retention if aggregate == "retention" else Hold
        return (spec for spec in self._specs if isinstance(spec, kind) and tenant in (None, spec.tenant))


class Said:
    """What was put on the log."""

    def __init__(self) -> None:
        self.facts: list[tuple[str, RetentionApplied]] = []

    async def __call__(self, tenant: str, fact: RetentionApplied) -> None:
        self.facts.append((tenant, fact))


def counts(removed: tuple[Removed, ...]) -> dict[str, tuple[int, int]]:
    return {one.kind: (one.count, one.held) for one in removed}


async def compared(made: Rig) -> list[ViewReport]:
    """The views held against the log."""

    def show(what: str, at: int, last: int) -> None:
        assert at <= last, what

    async with postgres_rows(made.pool) as store:
        both = [(table, await store.ordered(table, "TRAFFIC")) for table in (TRAFFIC_EVENT, FINDING)]
        found = await compare_traffic(made.connection, store, both, "TRAFFIC", show)
    rows = ClickHouseRows(made.store)
    ordered = [(TRAFFIC_EVENT, await rows.ordered(TRAFFIC_EVENT, "TRAFFIC"))]
    return found + await compare_traffic(made.connection, rows, ordered, "TRAFFIC", show)


@pytest.fixture
def settings(nats_server: NatsServer, tmp_path: Path) -> Settings:
    data = tmp_path / "data"
    data.mkdir()
    (data / "endpoints.json").write_text(json.dumps({"nats": nats_server.url}))
    return Settings(nats_url=nats_server.url, data_dir=str(data))


def test_the_shortest_of_several_retentions_counts() -> None:
    specs = [
        Retention(id="a", tenant="t", bodies_days=30),
        Retention(id="b", tenant="t", bodies_days=7, rows_days=90),
        Retention(id="c", tenant="s"),
    ]
    assert [tuple(one) for one in kept(specs)] == [("s", 0, 0, 0, 0), ("t", 7, 90, 0, 0)]


async def test_weeks_of_bodies_go_and_a_hold_keeps_those_of_its_person(
    connection: LogConnection, settings: Settings
) -> None:
    vault = await open_vault(settings, connection)
    old, new = BodyVault(connection, vault), BodyVault(connection, vault, clock=Later(28))
    sealed = {}
    for age, bodies in (("old", old), ("new", new)):
        for tenant in ("acme", "beta"):
            for subject in (HELD, OTHER):
                sealed[age, tenant, subject] = await bodies.seal(tenant, subject, "r", "request", b"text")
    large = await old.seal("acme", OTHER, "big", "request", b"x" * (INLINE + 1))
    configuration = Configuration(
        Retention(id="r", tenant="acme", bodies_days=14),
        Hold(id="h", tenant="acme", subject=HELD, reason="a lawsuit"),
        Hold(id="h", tenant="beta", subject=OTHER, reason="of another tenant"),
    )
    retainer, said = Retainer(connection, Later(28), None, None), Said()
    (would,) = await retainer.apply(configuration, said, dry_run=True)
    assert (counts(would.removed), said.facts) == ({"bodies": (1, 1)}, [])
    assert await old.open("acme", "big", "request", large)

    (went,) = await retainer.apply(configuration, said)
    assert counts(went.removed) == {"bodies": (1, 1), "objects": (1, 0)}
    ((tenant, fact),) = said.facts
    assert (tenant, fact.removed) == ("acme", went.removed)
    fresh = BodyVault(connection, vault)
    for (age, tenant, subject), body in sealed.items():
        if (age, tenant, subject) == ("old", "acme", OTHER):
            with pytest.raises(Erased, match="time for which bodies are kept"):
                await fresh.open(tenant, "r", "request", body)
        else:
            assert await fresh.open(tenant, "r", "request", body) == b"text"
    with pytest.raises(NotFound):
        await BodyObjects(connection).get(large.sha256.hex())

    # a second time there is nothing to do, and nothing to say
    await retainer.apply(configuration, said)
    assert len(said.facts) == 1


async def test_a_hold_on_a_tenant_keeps_everybody_s(connection: LogConnection, settings: Settings) -> None:
    vault = await open_vault(settings, connection)
    bodies = BodyVault(connection, vault)
    sealed = {name: await bodies.seal("acme", name, "r", "request", b"text") for name in (HELD, OTHER)}
    everyone = Hold(id="h", tenant="acme", subject=EVERYONE, reason="a lawsuit")
    configuration = Configuration(Retention(id="r", tenant="acme", bodies_days=14), everyone)
    said = Said()
    (went,) = await Retainer(connection, Later(28), None, None).apply(configuration, said)
    assert (counts(went.removed), said.facts) == ({"bodies": (0, 2)}, [])
    for body in sealed.values():
        assert await BodyVault(connection, vault).open("acme", "r", "request", body) == b"text"


async def test_a_week_goes_only_when_all_of_it_is_old_enough(connection: LogConnection, settings: Settings) -> None:
    bodies = BodyVault(connection, await open_vault(settings, connection))
    await bodies.seal("acme", OTHER, "r", "request", b"text")
    ends_us = periods.end_us(periods.at(CLOCK.now_us()))
    for spare_s, went in ((-60, []), (60, [{"bodies": (1, 0)}])):
        days = 10 + (ends_us + spare_s * 1_000_000 - CLOCK.now_us()) / periods.DAY_US
        retainer = Retainer(connection, Later(days), None, None)
        done = await retainer.apply(Configuration(Retention(id="r", tenant="acme", bodies_days=10)), Said())
        assert [counts(one.removed) for one in done if one.removed] == went


async def test_rows_go_from_both_stores_and_sums_stay(
    nats_server: NatsServer, database: str, clickhouse_url: str, tmp_path: Path
) -> None:
    async with rig(nats_server, database, clickhouse_url, tmp_path) as made:
        async with workers(made.settings):
            await made.write(63)
            await made.settle()
        spent = await made.store.query("SELECT tenant, sum(requests), sum(cost_micros) FROM traffic_day GROUP BY 1")
        configuration = Configuration(
            Retention(id="r", tenant="tenant-0", rows_days=30, findings_days=30),
            Retention(id="r", tenant="tenant-1", rows_days=60),
            Retention(id="r", tenant="tenant-2", findings_days=1),
            Hold(id="h", tenant="tenant-0", subject="sub_3", reason="a lawsuit"),
        )
        said = Said()
        retainer = Retainer(made.connection, Later(40), made.pool, made.store)
        before = await made.counts()
        would = await retainer.apply(configuration, said, dry_run=True)
        assert (await made.counts(), said.facts) == (before, [])
        done = await retainer.apply(configuration, said)
        assert [(one.tenant, counts(one.removed)) for one in done] == [
            (one.tenant, counts(one.removed)) for one in would
        ]
        # of 21 requests of each tenant, every seventh is of the person under the hold
        assert [(one.tenant, counts(one.removed)) for one in done] == [
            ("tenant-0", {"findings": (18, 3), "rows": (18, 3), "rows_clickhouse": (18, 0)}),
            ("tenant-2", {"findings": (21, 0)}),
        ]
        assert await made.counts() == (63 - 18, 63 - 18)
        left = await made.pool.fetch("SELECT DISTINCT subject FROM nexus.traffic_event WHERE tenant = 'tenant-0'")
        assert [row["subject"] for row in left] == ["sub_3"]
        again = "SELECT tenant, sum(requests), sum(cost_micros) FROM traffic_day GROUP BY 1"
        assert sorted(await made.store.query(again)) == sorted(spent)
        assert [tenant for tenant, _ in said.facts] == ["tenant-0", "tenant-2"]

        # who holds the views against the log is told that these are missing for a reason, once the log says so
        found = await compared(made)
        assert (sum(len(one.faults) for one in found), {one.gone for one in found}) == (39 + 18 + 18, {0})
        for tenant, fact in said.facts:
            await tell(made.connection, fact, KIND, actor="operator", correlation="run", tenant=tenant)
        found = await compared(made)
        assert [(one.store, one.table, one.faults, one.gone) for one in found] == [
            ("postgres", "traffic_event", [], 18),
            ("postgres", "finding", [], 39),
            ("clickhouse", "traffic_event", [], 18),
        ]

        # days that are empty then go whole; those with a row of anybody stay
        partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'nexus.finding'::regclass"
        had = await made.pool.fetchval(partitions)
        await retainer.apply(
            Configuration(*(Retention(id="r", tenant=f"tenant-{number}", findings_days=1) for number in range(3))), said
        )
        assert await made.pool.fetchval("SELECT count(*) FROM nexus.finding") == 0
        assert await made.pool.fetchval(partitions) < had
        assert await made.pool.fetchval("SELECT count(*) FROM nexus.traffic_event") == 45
        # what comes afterwards finds its partition
        async with workers(made.settings):
            await made.write(9)
            await made.settle(54)
        assert await made.pool.fetchval("SELECT count(*) FROM nexus.finding") == 9


async def test_the_command_applies_what_is_configured_and_reports_it(
    connection: LogConnection, settings: Settings
) -> None:
    data = ("--data", settings.data_dir, "--output", "json")
    code, out, _ = await nexus("retention", "show", *data)
    assert (code, json.loads(out)["items"]) == (0, [])
    store = ConfigStore(connection, CLOCK, Ids(CLOCK), writer="test")
    for spec in (
        Retention(id="r", tenant="acme", bodies_days=14),
        Hold(id="h", tenant="acme", subject=HELD, reason="a lawsuit"),
    ):
        decider = BY_NAME["retention" if isinstance(spec, Retention) else "hold"]
        await store.handle(decider, "acme", spec.id, Put(spec), actor="admin:test", correlation="test")
    vault = await open_vault(settings, connection)
    past = BodyVault(connection, vault, clock=Later(-60))
    for subject in (HELD, OTHER):
        await past.seal("acme", subject, "r", "request", b"text")
    code, out, _ = await nexus("retention", "show", *data)
    (shown,) = json.loads(out)["items"]
    assert (shown["tenant"], shown["bodies"], shown["rows"], shown["holds"]) == ("acme", "14 days", "kept", 1)
    for argv in (("--dry-run",), ()):
        code, out, err = await nexus("retention", "apply", *argv, *data)
        assert code == 0, err
        (row,) = json.loads(out)["items"]
        assert (row["tenant"], row["kind"], row["count"], row["held"]) == ("acme", "bodies", 1, 1)
    code, out, _ = await nexus("retention", "report", *data)
    (told,) = json.loads(out)["items"]
    assert (told["kind"], told["count"], told["held"]) == ("bodies", 1, 1)
    assert told["actor"].startswith("operator")
    assert (await verify_chains(connection)).ok


async def test_a_worker_applies_it_once_an_hour_and_only_one_does(
    connection: LogConnection, settings: Settings
) -> None:
    now_us = CLOCK.now_us()
    assert [await claim(connection, now_us), await claim(connection, now_us + 1)] == [True, False]
    assert not await claim(connection, now_us + retaining.EVERY_S * 1_000_000 - 1)
    assert await claim(connection, now_us + retaining.EVERY_S * 1_000_000)
    # a clock that was put back holds nobody up
    assert await claim(connection, now_us)

    store = ConfigStore(connection, CLOCK, Ids(CLOCK), writer="test")
    spec = Retention(id="r", tenant="acme", bodies_days=1)
    await store.handle(BY_NAME["retention"], "acme", "r", Put(spec), actor="admin:test", correlation="test")
    vault = await open_vault(settings, connection)
    await BodyVault(connection, vault, clock=Later(-60)).seal("acme", OTHER, "r", "request", b"text")
    shared = Shared("", connection)
    (went,) = await once(settings, connection, shared, CLOCK)
    await shared.close()
    assert counts(went.removed) == {"bodies": (1, 0)}
    facts = [fact for message in await stored(connection, "OPS") for fact in decode_segment(message.payload).facts]
    (said,) = [fact for fact in facts if isinstance(open_fact(fact), RetentionApplied)]
    assert (said.tenant, said.actor) == ("acme", "worker:retention")


async def test_how_long_facts_stay_is_the_log_s_own_limit(connection: LogConnection) -> None:
    retainer, said = Retainer(connection, CLOCK, None, None), Said()

    async def ages() -> set[int]:
        found = [(await api.call(connection, f"STREAM.INFO.{name}"))["config"]["max_age"] for name in AGEING]
        return {age // (periods.DAY_US * 1000) for age in found}

    assert await ages() == {90}
    configuration = Configuration(Retention(id="r", tenant="system", facts_days=400))
    await retainer.apply(configuration, said, dry_run=True)
    assert await ages() == {90}
    await retainer.apply(configuration, said)
    assert await ages() == {400}
    # the next start of a process leaves it alone
    assert await apply(connection, EMBEDDED, replicas=1, partitions=1) == []
    assert await ages() == {400}
    # in the segments that would go are bodies of whoever a hold is on
    hold = Hold(id="h", tenant="acme", subject=HELD, reason="a lawsuit")
    await retainer.apply(Configuration(Retention(id="r", tenant="system", facts_days=400), hold), said)
    assert await ages() == {0}
    await retainer.apply(Configuration(Retention(id="r", tenant="system")), said)
    assert await ages() == {90}


async def test_a_hold_does_not_make_an_aged_log_a_forged_one(connection: LogConnection) -> None:
    writer = writer_on(connection)
    await writer.start()
    for n in range(5):
        await writer.append("traffic.0", [fact(str(n))])
    await writer.close()
    config = (await api.call(connection, "STREAM.INFO.TRAFFIC"))["config"]
    # the beginning goes as if it had grown old
    await api.call(connection, "STREAM.UPDATE.TRAFFIC", config | {"max_msgs": 4, "discard": "old"})
    assert (await verify_chains(connection, ["TRAFFIC"])).ok
    hold = Hold(id="h", tenant="acme", subject=HELD, reason="a lawsuit")
    await Retainer(connection, CLOCK, None, None).apply(Configuration(hold), Said())
    assert (await verify_chains(connection, ["TRAFFIC"])).faults == []
