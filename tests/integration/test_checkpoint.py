"""Checkpoints on a real log: one after the other over restarts and rivals, and what verification finds with them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from processors.checkpoint import app, worker
from processors.checkpoint.worker import Checkpointer, Overtaken
from projections.log import api
from projections.log.checkpoints import read_checkpoints
from projections.log.connection import LogConnection
from projections.log.reader import StreamReader, last_sequence
from projections.log.verify import SEGMENTED, verify_chains
from projections.vault.signing import Signer
from schemas.facts.ops import LogCheckpointed
from schemas.settings import Settings
from tests.integration.log_fixture import CLOCK, IDS, connection, fact, stored, until, writer_on
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.test_cli_log import nexus

__all__ = ["connection", "nats_server"]


@pytest.fixture
def settings(nats_server: NatsServer, tmp_path: Path) -> Settings:
    (tmp_path / "endpoints.json").write_text(json.dumps({"nats": nats_server.url}))
    return Settings(nats_url=nats_server.url, data_dir=str(tmp_path))


async def wrote(connection: LogConnection, boot: str, count: int) -> None:
    writer = writer_on(connection, boot=boot)
    await writer.start()
    for number in range(count):
        await asyncio.wait_for(writer.append("traffic.0", [fact(str(number))]), 10)
    await writer.close()


async def read_all(connection: LogConnection, own: Checkpointer) -> None:
    """Lets a worker take all that there is now."""
    for stream in SEGMENTED:
        reader = StreamReader(connection, stream, start=own.positions[stream] + 1)
        async for batch in reader.batches(follow=False):
            await own.take(batch)


async def checkpointed(connection: LogConnection, settings: Settings) -> LogCheckpointed:
    own = Checkpointer(connection, Signer.open(settings.data), CLOCK, IDS)
    await own.begin()
    await read_all(connection, own)
    return await own.write()


async def kinds(connection: LogConnection, stream: str = "TRAFFIC") -> list[str]:
    series = await read_checkpoints(connection)
    assert series.flaws == []
    return [fault.kind for fault in (await verify_chains(connection, [stream], checkpoints=series)).faults]


async def test_the_worker_checkpoints_on_time_and_at_its_end_and_goes_on_after_a_restart(
    connection: LogConnection, settings: Settings
) -> None:
    settings = msgspec.structs.replace(settings, checkpoint_s=0.02)
    await wrote(connection, "b1", 3)
    for round in (1, 2):
        stop = asyncio.Event()
        running = asyncio.create_task(app.run(settings, stop))
        before = len((await read_checkpoints(connection)).valid)
        async with asyncio.timeout(20):
            while len((await read_checkpoints(connection)).valid) < before + 2:
                assert not running.done()
        await wrote(connection, f"more-{round}", 2)
        stop.set()
        await asyncio.wait_for(running, 20)
    series = await read_checkpoints(connection)
    assert series.flaws == []
    assert [made.number for made in series.valid] == list(range(1, len(series.valid) + 1))
    assert len({made.public_key for made in series.valid}) == 1
    assert series.ranges("TRAFFIC")[-1][1].through == await last_sequence(connection, "TRAFFIC")
    assert {chain for stream, chain in series.heads() if stream == "TRAFFIC"} == {"w/b1", "w/more-1", "w/more-2"}
    report = await verify_chains(connection, checkpoints=series)
    assert report.ok and report.ranges == len(series.valid) * len(SEGMENTED)


async def test_of_two_workers_one_goes_on_after_the_other(connection: LogConnection, settings: Settings) -> None:
    one, two = (Checkpointer(connection, Signer.open(settings.data), CLOCK, IDS) for _ in range(2))
    await one.begin()
    await two.begin()
    await wrote(connection, "b1", 2)
    await read_all(connection, one)
    await read_all(connection, two)
    await one.write()
    with pytest.raises(Overtaken):
        await two.write()
    await two.begin()
    await read_all(connection, two)
    assert (await two.write()).number == 2
    series = await read_checkpoints(connection)
    assert (series.flaws, len(series.valid)) == ([], 2)
    assert (await verify_chains(connection, checkpoints=series)).ok


async def test_a_cut_off_end_is_found(connection: LogConnection, settings: Settings) -> None:
    await wrote(connection, "b1", 4)
    await checkpointed(connection, settings)
    assert await kinds(connection) == []
    # the stream begun anew with its first half: every chain in it is whole
    kept = (await stored(connection))[:3]
    config = (await api.call(connection, "STREAM.INFO.TRAFFIC"))["config"]
    await api.call(connection, "STREAM.DELETE.TRAFFIC")
    await api.call(connection, "STREAM.CREATE.TRAFFIC", config)
    for message in kept:
        await api.publish(connection, message.subject, message.payload, {})
    assert (await verify_chains(connection, ["TRAFFIC"])).ok, "by its chains alone the log looks whole"
    assert await kinds(connection) == ["cut", "cut"]
    code, out, _ = await nexus("verify", "--data", settings.data_dir, "--stream", "TRAFFIC", "--output", "json")
    told = json.loads(out)
    assert (code, told["ok"], told["checkpoints"]["valid"]) == (1, False, 1)
    assert {(fault["writer"], fault["kind"]) for fault in told["faults"]} == {("checkpoint", "cut"), ("w", "cut")}


async def test_a_history_written_anew_is_found(connection: LogConnection, settings: Settings) -> None:
    await wrote(connection, "b1", 3)
    await checkpointed(connection, settings)
    config = (await api.call(connection, "STREAM.INFO.TRAFFIC"))["config"]
    await api.call(connection, "STREAM.DELETE.TRAFFIC")
    await api.call(connection, "STREAM.CREATE.TRAFFIC", config)
    await wrote(connection, "b1", 30)
    assert (await verify_chains(connection, ["TRAFFIC"])).ok
    assert await kinds(connection) == ["changed"]


async def test_verify_holds_the_checkpoints_against_the_key_of_the_data_directory(
    connection: LogConnection, settings: Settings, tmp_path: Path
) -> None:
    await wrote(connection, "b1", 1)
    made = await checkpointed(connection, settings)
    code, out, _ = await nexus("verify", "--data", settings.data_dir)
    assert (code, "1 checkpoints signed with" in out, made.public_key.hex() in out) == (0, True, True)
    (tmp_path / "signing.pub").write_text("ab" * 32)
    code, out, _ = await nexus("verify", "--data", settings.data_dir)
    assert (code, "signed with another key" in out) == (1, True)


async def test_verify_holds_the_log_against_a_root_that_was_kept_elsewhere(
    connection: LogConnection, settings: Settings
) -> None:
    made = await checkpointed(connection, settings)
    data = ("--data", settings.data_dir, "--stream", "OPS")
    assert (await nexus("verify", *data, "--root", made.root.hex()))[0] == 0
    code, out, _ = await nexus("verify", *data, "--root", made.root.hex(), "--root", "ab" * 32)
    assert (code, "no valid checkpoint with the root abab" in out) == (1, True)
    assert (await nexus("verify", *data, "--root", "short"))[0] == 2


async def test_many_messages_lead_to_a_checkpoint_before_its_time(
    connection: LogConnection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LARGEST", 3)
    await wrote(connection, "b1", 9)
    own = Checkpointer(connection, Signer.open(settings.data), CLOCK, IDS)
    await own.begin()
    async for batch in StreamReader(connection, "TRAFFIC", batch=2).batches(follow=False):
        await own.take(batch)
    assert (own.written, own.gathered) == (2, 2)
    series = await read_checkpoints(connection)
    assert [part.messages for _, part in series.ranges("TRAFFIC")] == [4, 4]


async def test_a_checkpoint_waits_for_the_log_to_come_back(
    connection: LogConnection, settings: Settings, nats_server: NatsServer
) -> None:
    own = Checkpointer(connection, Signer.open(settings.data), CLOCK, IDS)
    await own.begin()
    await wrote(connection, "b1", 2)
    await read_all(connection, own)
    nats_server.kill()
    await until(lambda: not connection.connected, "the loss is noticed")
    writing = asyncio.create_task(own.write())
    nats_server.start()
    assert (await asyncio.wait_for(writing, 20)).number == 1
    assert len((await read_checkpoints(connection)).valid) == 1


async def test_verify_of_a_part(connection: LogConnection, settings: Settings) -> None:
    await wrote(connection, "b1", 3)
    await checkpointed(connection, settings)
    between_us = (await stored(connection))[-1].time_us + 1
    await until(lambda: CLOCK.now_us() > between_us, "the clock goes on")
    await wrote(connection, "b2", 2)
    await checkpointed(connection, settings)
    series = await read_checkpoints(connection)
    for part, segments in (({"from_us": between_us}, 3), ({"to_us": between_us}, 4), ({"from_us": CLOCK.now_us()}, 0)):
        report = await verify_chains(connection, ["TRAFFIC"], checkpoints=series, **part)
        assert (report.ok, report.segments) == (True, segments)
    data = ("--data", settings.data_dir, "--stream", "TRAFFIC", "--output", "json")
    code, out, _ = await nexus("verify", *data, "--from", "1h", "--to", "2100-01-01")
    assert (code, json.loads(out)["items"][0]["segments"]) == (0, 7)
    code, out, _ = await nexus("verify", *data, "--from", "2100-01-01")
    assert (code, json.loads(out)["items"][0]["segments"]) == (0, 0)
    code, out, _ = await nexus("verify", *data, "--to", "2020-01-01")
    assert (code, json.loads(out)["items"][0]["segments"]) == (0, 0)
    assert (await nexus("verify", *data, "--from", "yesterday"))[0] == 2
