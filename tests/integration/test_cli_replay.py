"""`nexus replay` on a real log: what comes out is what went in, however often it is cut off."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from projections.log import api
from projections.log.connection import LogConnection
from schemas import codec, subjects
from schemas.envelope import Fact
from schemas.ids import iso
from tests.integration.log_fixture import CLOCK, connection
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.sample_log import Traffic, message
from tests.integration.test_cli_log import nexus

__all__ = ["connection", "nats_server"]


class Log:
    """Six segments of two requests each, written at times that are known."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.segments: list[list[Fact]] = []
        self.times: list[str] = []
        """When everything up to the segment of this number, from 1, had been stored; at 0 before all of them."""

    def ids(self, first: int = 1, last: int = 6) -> list[str]:
        return [fact.id for segment in self.segments[first - 1 : last] for fact in segment]

    async def replay(self, path: Path, *argv: str) -> tuple[int, Any]:
        whole = ("replay", "--into", f"file:{path}", *argv, "--data", str(self.data), "--output", "json")
        code, out, err = await nexus(*whole)
        return code, json.loads(out) if out else err


@pytest.fixture
async def log(connection: LogConnection, nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Log]:
    (tmp_path / "endpoints.json").write_text(json.dumps({"nats": nats_server.url}))
    made = Log(tmp_path)
    traffic = Traffic(clock=CLOCK)
    made.times.append(iso(CLOCK.now_us()))
    for number in range(1, 7):
        facts = [*traffic.request(), *traffic.request()]
        ack = await api.publish(connection, subjects.traffic(0), message(number, facts).payload, {})
        assert ack.seq == number
        made.segments.append(facts)
        made.times.append(iso(CLOCK.now_us()))
    yield made


def ids(path: Path) -> list[str]:
    return [event["id"] for event in map(json.loads, path.read_text().splitlines())]


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


async def test_all_of_it_in_order_as_cloud_events(log: Log, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    code, told = await log.replay(path)
    assert (code, told["events"], told["segments"], told["complete"]) == (0, 36, 6, True)
    assert ids(path) == log.ids()
    first = json.loads(path.read_text().splitlines()[0])
    assert (first["specversion"], first["source"], first["sequence"]) == ("1.0", "/nexus/TRAFFIC", "1")
    assert first["type"] == "request.accepted.v1"
    assert path.stat().st_mode & 0o077 == 0
    assert not path.with_name("out.jsonl.position").exists()
    code, why = await log.replay(path)
    assert (code, "exists" in why) == (1, True)
    assert ids(path) == log.ids()


async def test_places_may_be_positions_times_and_requests(log: Log, tmp_path: Path) -> None:
    def request(segment: int, at: int) -> str:
        return log.segments[segment - 1][at].correlation

    for number, (argv, first, last) in enumerate(
        [
            (["--from", "TRAFFIC:2", "--to", "TRAFFIC:4"], 2, 4),
            (["--from", log.times[2]], 3, 6),
            (["--to", log.times[2]], 1, 2),
            (["--from", log.times[1], "--to", log.times[5]], 2, 5),
            (["--from", request(3, 0), "--to", request(5, -1)], 3, 5),
            (["--from", "-1h", "--to", "TRAFFIC:99"], 1, 6),
            (["--from", "TRAFFIC:0", "--to", "TRAFFIC:99"], 1, 6),
            (["--from", log.times[6]], 7, 6),
            (["--to", log.times[0]], 1, 0),
        ]
    ):
        path = tmp_path / f"{number}"
        code, told = await log.replay(path, *argv)
        assert (code, ids(path)) == (0, log.ids(first, last)), argv
        assert told["events"] == len(log.ids(first, last))


async def test_only_what_is_wanted(log: Log, tmp_path: Path) -> None:
    one, other = log.segments[1][0], log.segments[4][-1]
    code, told = await log.replay(tmp_path / "a", "--request", one.correlation, "--request", other.correlation)
    wanted = [f.id for s in log.segments for f in s if f.correlation in (one.correlation, other.correlation)]
    assert (code, ids(tmp_path / "a")) == (0, wanted)
    assert (told["first"], told["last"]) == ("TRAFFIC:2", "TRAFFIC:5")
    await log.replay(tmp_path / "b", "--type", "request.accepted", "--tenant", "tenant-1")
    accepted = [f.id for s in log.segments for f in s if f.type == "request.accepted.v1" and f.tenant == "tenant-1"]
    assert ids(tmp_path / "b") == accepted != []


async def test_a_dry_run_counts_and_leaves_nothing(log: Log, tmp_path: Path) -> None:
    before = names(tmp_path)
    code, told = await log.replay(tmp_path / "out", "--dry-run", "--from", "TRAFFIC:5")
    assert (code, told["dry_run"], told["events"]) == (0, True, 12)
    assert names(tmp_path) == before


async def test_limits_add_up_to_the_whole(log: Log, tmp_path: Path) -> None:
    path = tmp_path / "out"
    counts = []
    for _ in range(20):
        code, told = await log.replay(path, "--limit", "7", "--from", "-1h")
        assert code == 0
        counts.append(told["events"])
        if told["complete"]:
            break
    assert counts == [7, 7, 7, 7, 7, 1]
    assert ids(path) == log.ids()


async def test_another_replay_does_not_go_on_from_there(log: Log, tmp_path: Path) -> None:
    path = tmp_path / "out"
    await log.replay(path, "--limit", "7")
    code, why = await log.replay(path, "--from", "TRAFFIC:2")
    assert (code, "another replay" in why) == (1, True)
    path.unlink()
    code, why = await log.replay(path, "--limit", "7")
    assert (code, "position" in why) == (1, True)


async def test_what_a_crash_left_behind_the_mark_is_written_again(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out"
    await log.replay(path, "--limit", "10")
    with path.open("ab") as file:
        file.write(b'{"half a line')

    def broken(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("ops.replay.file.os.fsync", broken)
        code, why = await log.replay(path)
    assert (code, "No space left" in why) == (1, True)
    code, told = await log.replay(path)
    assert (code, told["events"], told["events_in_all"]) == (0, 26, 36)
    assert ids(path) == log.ids()


async def test_what_cannot_be_read_is_passed_over_and_told(log: Log, tmp_path: Path, connection: LogConnection) -> None:
    await api.publish(connection, subjects.traffic(0), b"no segment", {})
    later = message(8, log.segments[0])
    await api.publish(connection, subjects.traffic(0), later.payload, {})
    code, told = await log.replay(tmp_path / "out", "--from", "TRAFFIC:6")
    assert (code, told["unreadable"]) == (0, ["TRAFFIC:7"])
    again = [fact.id for fact in codec.decode_segment(later.payload).facts]
    assert ids(tmp_path / "out") == log.ids(6) + again


async def test_a_fact_that_cannot_be_read_is_told_without_its_data(
    log: Log, tmp_path: Path, connection: LogConnection
) -> None:
    good = log.segments[0][0]
    bad = msgspec.structs.replace(good, id="bad", data=msgspec.Raw(b"\xc3"))
    await api.publish(connection, subjects.traffic(0), message(7, [good, bad]).payload, {})
    code, told = await log.replay(tmp_path / "out", "--from", "TRAFFIC:7")
    first, second = map(json.loads, (tmp_path / "out").read_text().splitlines())
    assert (code, told["events"], "data" in first, "damaged" in first) == (0, 2, True, False)
    assert (second["id"], second["type"], "data" in second, second["damaged"]) == ("bad", first["type"], False, True)


async def test_people_see_how_far_it_is(log: Log, tmp_path: Path) -> None:
    code, out, err = await nexus("replay", "--into", f"file:{tmp_path / 'o'}", "--data", str(log.data))
    assert (code, "6/6" in err, "segments/s" in err) == (0, True, True)
    assert "36" in out


@pytest.mark.parametrize(
    "argv",
    [
        ["--into", "postgre"], ["--into", "postgres:x"], ["--into", "postgres", "--tenant", "t"],
        ["--into", "postgres", "--stream", "LEDGER"], ["--into", "clickhouse", "--stream", "DECISIONS"],
        ["--into", "clickhouse", "--resend"], ["--into", "file:"], ["--into", "file:x", "--resend"], [],
        ["--into", "file:x", "--from", "CONFIG:3"], ["--into", "file:x", "--from", "soon"],
        ["--into", "file:x", "--from", "TRAFFIC:7"], ["--into", "file:x", "--from", "2999-01-01"],
        ["--into", "file:x", "--from", "now", "--to", "TRAFFIC:2"], ["--into", "file:x", "--dry-run", "--resume"],
        ["--into", "file:x", "--from", "TRAFFIC:1", "--request", "no-id"],
        ["--into", "file:x", "--limit", "0"], ["--into", "file:x", "--request", "no-id"],
        ["--into", "file:x", "--stream", "OPS", "--request", "019b0000-0000-7000-8000-000000000000"],
    ],
)  # fmt: skip
async def test_wrong_usage_is_2(argv: list[str], log: Log, tmp_path: Path) -> None:
    argv = [text.replace("file:x", f"file:{tmp_path / 'x'}") for text in argv]
    assert (await nexus("replay", *argv, "--data", str(log.data)))[0] == 2
    assert not (tmp_path / "x").exists()


async def test_requests_the_wrong_way_round_are_2(log: Log, tmp_path: Path) -> None:
    early, late = log.segments[1][0].correlation, log.segments[4][-1].correlation
    for argv in (["--from", late, "--to", early], ["--from", late, "--to", "TRAFFIC:2"]):
        code, why = await log.replay(tmp_path / "x", *argv)
        assert (code, "nothing lies between" in why) == (2, True)
    assert (await log.replay(tmp_path / "x", "--from", early, "--to", late))[0] == 0


async def test_what_ends_a_dry_run_and_what_no_fact_is_called_is_told(log: Log, tmp_path: Path) -> None:
    whole = ("replay", "--into", f"file:{tmp_path / 'x'}", "--dry-run", "--data", str(log.data))
    code, _, why = await nexus(*whole, "--limit", "3")
    assert (code, "the rest was not counted" in why, "goes on from there" in why) == (0, True, False)
    code, _, why = await nexus(*whole, "--type", "requests.")
    assert (code, "starts with requests." in why) == (0, True)


async def test_an_unknown_request_is_5(log: Log, tmp_path: Path) -> None:
    code, why = await log.replay(tmp_path / "x", "--from", "019b0000-0000-7000-8000-000000000000")
    assert (code, "no fact of the request" in why) == (5, True)
