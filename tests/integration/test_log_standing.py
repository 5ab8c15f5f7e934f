"""What those who watch are told of the log, asked of a real one."""

from __future__ import annotations

from pathlib import Path

from processors.checkpoint.worker import Checkpointer
from processors.dead import bury
from processors.siem.positions import Positions, key_of
from processors.siem.sink import Stored
from projections.log.connection import LogConnection
from projections.log.standing import LogStanding, RecordStanding
from projections.vault.signing import Signer
from schemas.aggregates.siem_target import SiemTarget
from tests.integration.log_fixture import CLOCK, IDS, connection, fact, stored, until, writer_on
from tests.integration.nats_fixture import nats_server

__all__ = ["connection", "nats_server"]


async def test_what_waits_what_is_dead_and_how_old_the_last_checkpoint_is(
    connection: LogConnection, tmp_path: Path
) -> None:
    standing = LogStanding(connection, CLOCK)
    assert await standing.record() == RecordStanding(0, None)
    assert await standing.waiting_s("TRAFFIC", 0) == 0
    writer = writer_on(connection)
    await writer.start()
    await writer.append("traffic.0", [fact("1")])
    await writer.close()
    (first, last) = await stored(connection)
    await until(lambda: CLOCK.now_us() > last.time_us + 2_000, "some time has passed")
    waited = await standing.waiting_s("TRAFFIC", 0)
    assert 0 < waited <= (CLOCK.now_us() - first.time_us) / 1e6 + 0.001
    assert await standing.waiting_s("TRAFFIC", last.sequence) == 0

    await bury(connection, "audit", first, "broken")
    checkpointer = Checkpointer(connection, Signer.open(tmp_path), CLOCK, IDS)
    await checkpointer.begin()
    made = await checkpointer.write()
    record = await standing.record()
    assert record.dead == 1
    assert record.checkpoint_age_s is not None
    assert 0 <= record.checkpoint_age_s <= (CLOCK.now_us() - made.time_us) / 1e6 + 0.001  # told in milliseconds


async def test_how_far_each_siem_is(connection: LogConnection) -> None:
    positions = Positions(connection)
    targets = [
        SiemTarget(id=name, tenant="acme", file=f"{name}.ndjson", enabled=name != "off")
        for name in ("a.b", "off", "new")
    ]
    for name in ("a.b", "off"):
        await positions.save(key_of("acme", name), Stored(life="l", place=(7, 2)))
    assert await LogStanding(connection, CLOCK).siem(targets) == [("siem acme/a.b", "TRAFFIC", 7)]
