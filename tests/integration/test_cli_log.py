"""`nexus tail` and `nexus verify` on a real log."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ops.bootstrap import ROOT
from ops.cli.main import run
from projections.log import api
from projections.log.connection import LogConnection
from projections.log.store import ConfigStore
from schemas import subjects
from schemas.aggregates import tenant
from schemas.aggregates.decider import Create
from schemas.codec import encode_segment
from schemas.envelope import GENESIS
from tests.integration.log_fixture import CLOCK, IDS, connection, fact, writer_on
from tests.integration.nats_fixture import NatsServer, nats_server

__all__ = ["connection", "nats_server"]


@pytest.fixture
async def data(connection: LogConnection, nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Path]:
    """A data directory of a log with two tenants' facts."""
    writer = writer_on(connection)
    await writer.start()
    for mark in ("one", "two", "three"):
        await asyncio.wait_for(writer.append(subjects.traffic(0), [fact(mark), fact(f"{mark}-again")]), 10)
    await writer.close()
    store = ConfigStore(connection, CLOCK, IDS, writer="admin")
    made = Create(tenant.Tenant(id="acme"))
    await store.handle(tenant.DECIDER, "acme", "acme", made, actor="admin:x", correlation="c")
    (tmp_path / "endpoints.json").write_text(json.dumps({"nats": nats_server.url}))
    yield tmp_path


async def nexus(*argv: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command, in a thread: it has an event loop of its own."""

    def command() -> tuple[int, str, str]:
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
            return run(argv), out.getvalue(), err.getvalue()

    return await asyncio.to_thread(command)


async def tailed(data: Path, *more: str) -> list[dict[str, Any]]:
    code, out, _ = await nexus("tail", "--data", str(data), "--output", "json", *more)
    assert code == 0
    return [json.loads(line) for line in out.splitlines()]


async def test_tail_prints_a_line_for_every_fact_in_order(data: Path) -> None:
    events = await tailed(data)
    accepted = [event["correlationid"] for event in events if event["type"] == "request.accepted.v1"]
    assert accepted == ["one", "one-again", "two", "two-again", "three", "three-again"]
    assert events[-1]["type"] == "writer.closed.v1"
    assert [event["sequence"] for event in events] == ["1", "1", "2", "2", "3", "3", "4"]
    assert {event["subject"] for event in events} == {"traffic.0"}


async def test_tail_goes_back_as_far_as_is_asked(data: Path) -> None:
    assert [event["sequence"] for event in await tailed(data, "-n", "2")] == ["3", "3", "4"]
    assert len(await tailed(data, "--since", "1h")) == 7
    assert await tailed(data, "--since", "2100-01-01") == []


async def test_tail_filters(data: Path) -> None:
    assert [event["correlationid"] for event in await tailed(data, "--request", "two")] == ["two"]
    assert len(await tailed(data, "--type", "request.")) == 6
    assert await tailed(data, "--tenant", "nobody") == []
    (created,) = await tailed(data, "--stream", "CONFIG")
    assert (created["type"], created["data"]["spec"]["id"]) == ("tenant.created.v1", "acme")


async def test_tail_for_people_has_one_line_a_fact(data: Path) -> None:
    code, out, err = await nexus("tail", "--data", str(data), "-n", "2")
    assert (code, err) == (0, "")
    first = out.splitlines()[0].split()
    assert first[1:5] == ["TRAFFIC:3", "request.accepted.v1", "t", "three"]
    assert first[0].endswith("Z")


async def test_tail_goes_on_past_what_it_cannot_read(data: Path, connection: LogConnection) -> None:
    await api.publish(connection, subjects.traffic(0), b"no segment", {})
    code, out, err = await nexus("tail", "--data", str(data), "-n", "2")
    assert code == 0
    assert len(out.splitlines()) == 1
    assert "TRAFFIC:5 cannot be read" in err


async def test_tail_follows_until_it_is_told_to_stop(data: Path, connection: LogConnection) -> None:
    program = "import sys; from ops.cli.main import run; sys.exit(run(sys.argv[1:]))"
    argv = ["tail", "--follow", "-n", "1", "--data", str(data), "--output", "json"]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *argv, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        assert json.loads(await asyncio.wait_for(child.stdout.readline(), 30))["type"] == "writer.closed.v1"
        writer = writer_on(connection, boot="b2")
        await writer.start()
        await asyncio.wait_for(writer.append(subjects.traffic(0), [fact("later")]), 10)
        assert json.loads(await asyncio.wait_for(child.stdout.readline(), 30))["correlationid"] == "later"
        await writer.close()
    finally:
        child.terminate()
        await child.wait()


async def test_verify_finds_a_whole_log_whole(data: Path) -> None:
    code, out, err = await nexus("verify", "--data", str(data), "--output", "json")
    told = json.loads(out)
    assert (code, told["ok"], told["faults"]) == (0, True, [])
    found = {row["stream"]: (row["chains"], row["segments"], row["facts"]) for row in told["items"]}
    assert found["TRAFFIC"] == (1, 4, 7)
    assert found["CONFIG"] == (1, 1, 1)
    assert "TRAFFIC" in err


async def test_verify_finds_an_inserted_segment(data: Path, connection: LogConnection) -> None:
    forged = encode_segment(subjects.traffic(0), "w", "b1", 2, GENESIS, [])
    await api.publish(connection, subjects.traffic(0), forged, {})
    code, out, _ = await nexus("verify", "--data", str(data), "--stream", "TRAFFIC")
    assert code == 1
    assert "inserted" in out
    assert "1 faults in 1 chains" in out
    assert "the first at TRAFFIC:5 (inserted)" in out
    # a position says of which stream: up to the one before all is whole
    code, out, _ = await nexus("verify", "--data", str(data), "--to", "TRAFFIC:4", "--output", "json")
    assert (code, [(row["stream"], row["segments"]) for row in json.loads(out)["items"]]) == (0, [("TRAFFIC", 4)])
    code, out, _ = await nexus("verify", "--data", str(data), "--from", "TRAFFIC:3", "--output", "json")
    assert (code, json.loads(out)["items"][0]["segments"], json.loads(out)["faults"][0]["sequence"]) == (1, 3, 5)
    code, _, err = await nexus("verify", "--data", str(data), "--from", "TRAFFIC:3", "--stream", "CONFIG")
    assert code == 2 and "--from is on TRAFFIC" in err
    code, out, _ = await nexus("verify", "--data", str(data), "--stream", "CONFIG")
    assert (code, out.splitlines()[-1]) == (0, "all 1 chains are whole")


async def test_no_log_there_is_a_failure_with_words(tmp_path: Path) -> None:
    code, out, err = await nexus("verify", "--data", str(tmp_path))
    assert (code, out) == (1, "")
    assert "nexus up" in err
