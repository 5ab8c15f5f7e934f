"""Checkpoints on a real log: one after the other over restarts and rivals, and what verification finds with them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from processors.checkpoint import app, worker
from processors.checkpoint.announce import Announcer
from processors.checkpoint.append import Overtaken
from processors.checkpoint.worker import Checkpointer
from projections.log import api
from projections.log.checkpoints import read_checkpoints
from projections.log.connection import LogConnection
from projections.log.reader import StreamReader, last_sequence
from projections.log.verify import SEGMENTED, verify_chains
from projections.vault.signing import Signer
from schemas.checkpoint import announcement_of
from schemas.facts.ops import LogCheckpointed
from schemas.ocsf.checkpoint import announced_in
from schemas.settings import Settings
from schemas.subjects import CHECKPOINTS
from tests.integration.log_fixture import CLOCK, IDS, connection, fact, stored, until, writer_on
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.siem_rig import Receiver, Rig
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
    # its own announcement is all that comes after it
    assert series.ranges("TRAFFIC")[-1][1].through == await last_sequence(connection, "TRAFFIC") - 1
    chains = {chain for stream, chain in series.heads() if stream == "TRAFFIC"}
    assert {chain for chain in chains if not chain.startswith("checkpoint/")} == {"w/b1", "w/more-1", "w/more-2"}
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
    await checkpointed(connection, settings)  # and its announcement, one segment
    between_us = (await stored(connection))[-1].time_us + 1
    await until(lambda: CLOCK.now_us() > between_us, "the clock goes on")
    await wrote(connection, "b2", 2)
    await checkpointed(connection, settings)
    series = await read_checkpoints(connection)
    for from_us, to_us, segments in ((between_us, 0, 4), (0, between_us, 5), (CLOCK.now_us(), 0, 0)):
        report = await verify_chains(connection, ["TRAFFIC"], checkpoints=series, from_us=from_us, to_us=to_us)
        assert (report.ok, report.segments) == (True, segments)
    data = ("--data", settings.data_dir, "--stream", "TRAFFIC", "--output", "json")
    code, out, _ = await nexus("verify", *data, "--from", "1h", "--to", "2100-01-01")
    assert (code, json.loads(out)["items"][0]["segments"]) == (0, 9)
    code, out, _ = await nexus("verify", *data, "--from", "2100-01-01")
    assert (code, json.loads(out)["items"][0]["segments"]) == (0, 0)
    code, out, _ = await nexus("verify", *data, "--to", "2020-01-01")
    assert (code, json.loads(out)["items"][0]["segments"]) == (0, 0)
    assert (await nexus("verify", *data, "--from", "yesterday"))[0] == 2


async def test_checkpoints_that_are_taken_away_are_missed(
    connection: LogConnection, settings: Settings, nats_server: NatsServer
) -> None:
    for boot in ("b1", "b2", "b3"):
        await wrote(connection, boot, 2)
        await checkpointed(connection, settings)
    messages = await stored(connection, "OPS")
    config = (await api.call(connection, "STREAM.INFO.OPS"))["config"]
    for kept in (2, 0):
        await api.call(connection, "STREAM.DELETE.OPS")
        await api.call(connection, "STREAM.CREATE.OPS", config)
        for message in messages[:kept]:
            await api.publish(connection, message.subject, message.payload, {})
        series = await read_checkpoints(connection, Signer.open(settings.data).public_key)
        assert [(flaw.kind, flaw.checkpoint) for flaw in series.flaws] == [("cut", n + 1) for n in range(kept, 3)]


async def test_a_log_set_back_as_a_whole_is_told_for_ever(
    connection: LogConnection, settings: Settings, nats_server: NatsServer
) -> None:
    def own() -> Checkpointer:
        return Checkpointer(connection, Signer.open(settings.data), CLOCK, IDS, directory=settings.data)

    async def written() -> None:
        made = own()
        await made.begin()
        await read_all(connection, made)
        await made.write()

    async def verified() -> tuple[int, bool]:
        code, out, _ = await nexus("verify", "--data", settings.data_dir)
        return code, "checkpoint.last: checkpoint 3 with the root" in out

    await wrote(connection, "b1", 2)
    for _ in range(2):
        await written()
    old = {name: await stored(connection, name) for name in ("OPS", "TRAFFIC")}
    await written()
    assert await verified() == (0, False)
    for name, messages in old.items():
        config = (await api.call(connection, f"STREAM.INFO.{name}"))["config"]
        await api.call(connection, f"STREAM.DELETE.{name}")
        await api.call(connection, f"STREAM.CREATE.{name}", config)
        for message in messages:
            await api.publish(connection, message.subject, message.payload, {})
    assert await verified() == (1, True)
    await wrote(connection, "b2", 1)
    for _ in range(3):
        # with another third one, and beyond
        await written()
    assert await verified() == (1, True)
    (settings.data / "checkpoint.last").write_text("torn")
    code, _, err = await nexus("verify", "--data", settings.data_dir)
    assert code == 1 and "checkpoint.last cannot be read" in err


async def test_what_goes_before_its_time_is_not_taken_for_what_grew_old(
    connection: LogConnection, settings: Settings, nats_server: NatsServer
) -> None:
    await wrote(connection, "b1", 3)
    made = await checkpointed(connection, settings)
    await wrote(connection, "b2", 5)
    await checkpointed(connection, settings)
    reached = next(part.through for part in made.ranges if part.stream == "TRAFFIC")
    config = (await api.call(connection, "STREAM.INFO.TRAFFIC"))["config"]
    # by a limit that no retention has set, and an age to pretend one
    await api.call(connection, "STREAM.UPDATE.TRAFFIC", config | {"max_msgs": 3, "discard": "old", "max_age": 10**15})
    series = await read_checkpoints(connection)

    async def found(now_us: int) -> list[tuple[str, int]]:
        report = await verify_chains(connection, ["TRAFFIC"], checkpoints=series, now_us=now_us)
        return [(fault.kind, fault.sequence) for fault in report.faults]

    assert await found(CLOCK.now_us()) == [("removed", reached + 1)]
    assert await found(CLOCK.now_us() + 91 * 86_400_000_000) == []


async def test_every_checkpoint_reaches_every_siem_once_and_the_log_is_held_against_what_it_kept(
    connection: LogConnection, settings: Settings, nats_server: NatsServer, tmp_path: Path
) -> None:
    rig = await Rig.open(connection, nats_server.url, tmp_path)
    await rig.target("disk", kind="file", file="own.ndjson")
    await rig.target("log", tenant="b", kind="stream")
    async with Receiver() as receiver, rig.worker():
        await rig.target("web", kind="http", url=receiver.url)
        await rig.traffic("ab")
        made = [await checkpointed(connection, settings)]
        await rig.traffic("ba")
        # each by a worker of its own, as after restarts: none is announced twice
        made += [await checkpointed(connection, settings) for _ in range(2)]
        own = [place async for place in places_of_announcements(connection)]
        assert len(own) == 3
        await rig.until_in_file("own.ndjson", sorted([*await rig.places("a"), *own]))
        await rig.until_exported("b", sorted([*await rig.places("b"), *own]))
        await until(lambda: set(own) <= set(receiver.places), "the receiver has them too")
    file = rig.file("own.ndjson")
    told = [said for line in file.read_bytes().splitlines() if (said := announced_in(line)) is not None]
    assert told == [announcement_of(one) for one in made]

    verify = ("verify", "--data", settings.data_dir, "--stream", "OPS", "--siem-file", str(file))
    code, _, err = await nexus(*verify)
    assert (code, "3 checkpoints held against the log" in err) == (0, True)
    # whoever changes the file is told so; a log with another history is found by what the SIEM kept
    forged = tmp_path / "forged.ndjson"
    forged.write_bytes(file.read_bytes().replace(made[1].root.hex().encode(), b"ab" * 32))
    code, out, _ = await nexus(*verify[:-1], str(forged))
    assert (code, "checkpoint 2: its signature is not right" in out) == (1, True)
    config = (await api.call(connection, "STREAM.INFO.OPS"))["config"]
    await api.call(connection, "STREAM.DELETE.OPS")
    await api.call(connection, "STREAM.CREATE.OPS", config)
    for _ in range(3):
        await checkpointed(connection, settings)
    code, out, _ = await nexus(*verify)
    # by what the SIEM kept, and by what TRAFFIC says
    assert (code, out.count("is not on the log"), out.count("own.ndjson:")) == (1, 6, 3)
    (tmp_path / "empty.ndjson").write_bytes(b'{"class_uid":6003,"unmapped":{}}\ntorn')
    assert (await nexus(*verify[:-1], str(tmp_path / "empty.ndjson")))[0] == 2
    assert (await nexus(*verify[:-1], str(tmp_path / "none.ndjson")))[0] == 2


async def test_an_announcement_that_a_death_prevented_is_made_up_for(
    connection: LogConnection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(self: Announcer, made: LogCheckpointed) -> None:
        raise ConnectionAbortedError

    with monkeypatch.context() as broken:
        broken.setattr(Announcer, "announce", dies)
        with pytest.raises(ConnectionAbortedError):
            await checkpointed(connection, settings)
    assert [place async for place in places_of_announcements(connection)] == []
    one, two = (Checkpointer(connection, Signer.open(settings.data), CLOCK, IDS) for _ in range(2))
    await asyncio.gather(one.begin(), two.begin())
    assert len([place async for place in places_of_announcements(connection)]) == 1
    assert (await verify_chains(connection, checkpoints=await read_checkpoints(connection))).ok


async def places_of_announcements(connection: LogConnection) -> AsyncIterator[tuple[int, int]]:
    async for batch in StreamReader(connection, "TRAFFIC", subjects=(CHECKPOINTS,)).batches(follow=False):
        for message in batch:
            yield message.sequence, 0
