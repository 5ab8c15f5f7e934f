"""`nexus evidence`: made from a real log, checked without it, and worth nothing once anything in it was touched."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from projections.log import api
from projections.log.connection import LogConnection
from projections.log.trail import trail
from projections.vault.signing import is_signed
from schemas.codec import Malformed, decode_segment, encode_fact, encode_segment
from schemas.evidence import decode, examine
from schemas.ids import SystemClock, millis_of
from schemas.settings import Settings
from tests.integration.log_fixture import CLOCK, connection, writer_on
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.sample_log import Traffic
from tests.integration.test_checkpoint import checkpointed, settings
from tests.integration.test_cli_log import nexus

__all__ = ["connection", "nats_server", "settings"]

Proof = dict[str, Any]


async def requests(connection: LogConnection, count: int = 5, boot: str = "b1") -> list[str]:
    """Writes requests, each with its end in a segment of its own; their ids."""
    source = Traffic(clock=CLOCK)
    writer = writer_on(connection, boot=boot)
    await writer.start()
    made = []
    for _ in range(count):
        facts = source.request()
        made.append(facts[0].correlation)
        await asyncio.wait_for(writer.append("traffic.0", facts[:2]), 10)
        await asyncio.wait_for(writer.append("traffic.0", facts[2:]), 10)
    await writer.close()
    return made


async def exported(settings: Settings, request: str) -> Path:
    file = settings.data / "proof.json"
    code, _, err = await nexus("evidence", request, "-o", str(file), "--data", settings.data_dir)
    assert code == 0, err
    return file


async def checked(file: Path, *more: str) -> tuple[int, dict[str, Any]]:
    # another data directory: nothing but the file may be needed
    code, out, _ = await nexus("evidence", "verify", str(file), "--data", "/nowhere", "--output", "json", *more)
    return code, json.loads(out)


async def test_evidence_holds_without_a_server(
    connection: LogConnection, settings: Settings, nats_server: NatsServer
) -> None:
    made = await requests(connection)
    await checkpointed(connection, settings)
    file = await exported(settings, made[2])
    assert file.stat().st_mode & 0o777 == 0o600
    nats_server.kill()
    code, told = await checked(file)
    assert (code, told["ok"], told["trusted"], told["request"]) == (0, True, False, made[2])
    assert [fact["position"] for fact in told["facts"]] == ["TRAFFIC:5", "TRAFFIC:5", "TRAFFIC:6"]
    assert {fact["correlation"] for fact in told["facts"]} == {made[2]}
    key = settings.data / "signing.pub"
    assert (await checked(file, "--public-key", str(key)))[1]["trusted"] is True
    code, told = await checked(file, "--public-key", "ab" * 32)
    assert (code, told["ok"]) == (1, False) and "another key" in told["flaws"][0]
    code, out, err = await nexus("evidence", "verify", str(file), "--data", "/nowhere")
    assert code == 0 and "was not checked, all of this was on the log" in out and key.read_text().strip() in out
    assert "--public-key" in err
    # what the data directory knows counts, where there is one
    code, out, err = await nexus("evidence", "verify", str(file), "--data", settings.data_dir)
    assert code == 0 and "All of this was on the log" in out and "signing.pub" in err
    key.write_text("ab" * 32)
    code, out, err = await nexus("evidence", "verify", str(file), "--data", settings.data_dir)
    assert code == 1 and "another key" in out and "--public-key" in err


async def test_a_request_may_lie_across_checkpoints(connection: LogConnection, settings: Settings) -> None:
    facts = Traffic(clock=CLOCK).request()
    writer = writer_on(connection)
    await writer.start()
    await asyncio.wait_for(writer.append("traffic.0", facts[:2]), 10)
    await checkpointed(connection, settings)
    await asyncio.wait_for(writer.append("traffic.0", facts[2:]), 10)
    await writer.close()
    request, unwritten = facts[0].correlation, settings.data / "unwritten"
    code, _, err = await nexus("evidence", request, "-o", str(unwritten), "--data", settings.data_dir)
    assert code == 1 and "no checkpoint covers" in err and not unwritten.exists()
    await checkpointed(connection, settings)
    code, told = await checked(await exported(settings, request))
    assert (code, len(told["checkpoints"]), len(told["facts"])) == (0, 2, 3)


class Ahead(SystemClock):
    """A clock that is an hour ahead of the log's."""

    def now_us(self) -> int:
        return super().now_us() + 3_600_000_000


async def test_a_gateway_whose_clock_is_an_hour_ahead_is_believed_too(
    connection: LogConnection, settings: Settings
) -> None:
    await requests(connection)
    facts = Traffic(clock=Ahead()).request()
    request = facts[0].correlation
    assert millis_of(request) * 1000 > CLOCK.now_us() + 3_000_000_000
    writer = writer_on(connection, boot="b2")
    await writer.start()
    await asyncio.wait_for(writer.append("traffic.0", facts), 10)
    await writer.close()
    await checkpointed(connection, settings)
    code, told = await checked(await exported(settings, request))
    assert (code, len(told["facts"])) == (0, 3)
    assert await trail(connection, request, 0, 0) == []
    assert [fact for _, fact in await trail(connection, request, 0, 0, far=True)] == facts
    asked = ("--request", request, "--into", "file:/nowhere", "--dry-run")
    code, out, _ = await nexus("replay", *asked, "--output", "json", "--data", settings.data_dir)
    assert (code, json.loads(out)["events"]) == (0, 3)


async def test_what_retention_took_of_a_proof_is_told(connection: LogConnection, settings: Settings) -> None:
    made = await requests(connection)
    await checkpointed(connection, settings)
    config = (await api.call(connection, "STREAM.INFO.TRAFFIC"))["config"]
    # the beginning goes as if it had grown old: first of what was checkpointed with the request, then of the request
    for kept, request, word in ((6, made[4], "export evidence before retention"), (2, made[2], "or no more")):
        await api.call(connection, "STREAM.UPDATE.TRAFFIC", config | {"max_msgs": kept, "discard": "old"})
        code, _, err = await nexus("evidence", request, "-o", str(settings.data / "late"), "--data", settings.data_dir)
        assert (code, word in err) == (5, True), err
    code, _, _ = await nexus("verify", "--data", settings.data_dir, "--stream", "TRAFFIC")
    assert code == 0


def other_bytes(text: str) -> str:
    data = bytearray(base64.b64decode(text))
    data[len(data) // 2] ^= 1
    return base64.b64encode(bytes(data)).decode()


def cheaper(proof: Proof) -> None:
    """The end of the request with another cost: a whole and valid segment."""
    last = proof["segments"][-1]
    segment = decode_segment(base64.b64decode(last["payload"]))
    facts = [encode_fact(fact) for fact in segment.facts]
    payload = encode_segment(
        segment.subject, segment.writer, segment.boot, segment.number, segment.previous, [*facts, facts[0]]
    )
    last["payload"] = base64.b64encode(payload).decode()


def bend(place: str, name: str) -> Callable[[Proof], None]:
    def change(proof: Proof) -> None:
        value = proof[place][0][name]
        if isinstance(value, str) and name != "stream":
            proof[place][0][name] = other_bytes(value)
        elif isinstance(value, list):
            proof[place][0][name] = [*value[:-1], other_bytes(value[-1])]
        else:
            proof[place][0][name] = "OPS" if name == "stream" else value + 1

    return change


SEGMENT = ("stream", "sequence", "payload", "index", "path", "after", "through", "messages", "range_root")
MORE = ("range_index", "range_path", "checkpoint")
ROOT = ("number", "time_us", "leaves", "root", "public_key", "signature")
CHANGES: dict[str, Callable[[Proof], None]] = {
    **{f"segments.{name}": bend("segments", name) for name in (*SEGMENT, *MORE)},
    **{f"checkpoints.{name}": bend("checkpoints", name) for name in ROOT},
    "other facts": cheaper,
    "another request": lambda proof: proof.update(request="0" + proof["request"][1:-1] + "g"),
    "without its end": lambda proof: proof["segments"].pop(),
    "without its beginning": lambda proof: proof["segments"].pop(0),
    "turned round": lambda proof: proof["segments"].reverse(),
    "doubled": lambda proof: proof["segments"].append(proof["segments"][-1]),
    "without checkpoints": lambda proof: proof["checkpoints"].clear(),
}


def tampered(value: Any) -> list[Any]:
    """A leaf in other forms, some of which would decode to the very same."""
    if isinstance(value, int):
        return [value + 1, -value - 1, float(value), str(value), None, value + 2**64]
    end = value.rstrip("=")
    other = end[:-1] + chr(ord(end[-1]) + 1) + value[len(end) :] if end else "A"
    return [other, value + "A", value[:-1], value[::-1], None, value + "\n"]


def leaves_of(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if not isinstance(value, dict | list):
        return [place]
    names = list(value) if isinstance(value, dict) else list(range(len(value)))
    return [leaf for name in names for leaf in leaves_of(value[name], (*place, name))]


async def test_every_leaf_counts_in_the_one_form_it_is_written_in(
    connection: LogConnection, settings: Settings
) -> None:
    made = await requests(connection)
    await checkpointed(connection, settings)
    whole = (await exported(settings, made[1])).read_text()
    held = []

    def hold(name: object, text: str) -> None:
        try:
            found = examine(decode(text.encode()), is_signed)
        except Malformed:
            return
        if not found.flaws:
            held.append(name)

    proof = json.loads(whole)
    for place in leaves_of(proof):
        inner = proof
        for step in place[:-1]:
            inner = inner[step]
        was = inner[place[-1]]
        for other in tampered(was):
            inner[place[-1]] = other
            if other != was or type(other) is not type(was):
                hold((place, other), json.dumps(proof))
        del inner[place[-1]]
        hold((place, "dropped"), json.dumps(proof))
        inner.insert(place[-1], was) if isinstance(inner, list) else inner.update({place[-1]: was})
    hold("besides", json.dumps(proof | {"x": 1}))
    hold("besides, within", json.dumps(proof | {"segments": [one | {"x": 1} for one in proof["segments"]]}))
    hold("twice", whole.replace('"request":', '"request": "x", "request":', 1))
    more = {"checkpoints": [*proof["checkpoints"], proof["checkpoints"][0] | {"number": 99}]}
    hold("a checkpoint that proves nothing", json.dumps(proof | more))
    assert held == []
    assert examine(decode(json.dumps(proof, sort_keys=True).encode()), is_signed).flaws == []


async def test_nothing_in_evidence_can_be_touched(connection: LogConnection, settings: Settings) -> None:
    made = await requests(connection)
    await checkpointed(connection, settings)
    file = await exported(settings, made[1])
    whole = file.read_text()
    held = []
    for name, change in CHANGES.items():
        proof = json.loads(whole)
        change(proof)
        file.write_text(json.dumps(proof))
        code, told = await checked(file)
        if code != 1 or told["ok"] or not told["flaws"]:
            held.append(name)
    assert held == []


@pytest.mark.parametrize("text", ["", "{}", '{"format": "other", "request": "", "segments": [], "checkpoints": []}'])
async def test_what_is_no_evidence_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    code, out, err = await nexus("evidence", "verify", str(file))
    assert (code, out) == (2, "") and "x.json" in err


async def test_exit_codes(connection: LogConnection, settings: Settings, tmp_path: Path) -> None:
    made = await requests(connection, 1)
    data = ("--data", settings.data_dir)
    assert (await nexus("evidence", made[0], *data))[0] == 2
    assert (await nexus("evidence", "verify", *data))[0] == 2
    assert (await nexus("evidence", "verify", str(tmp_path / "missing")))[0] == 2
    assert (await nexus("evidence", "no-id", "-o", "x", *data))[0] == 5
    assert (await nexus("evidence", Traffic(clock=CLOCK).request()[0].correlation, "-o", "x", *data))[0] == 5
    code, _, err = await nexus("evidence", made[0], "-o", "x", *data)
    assert code == 1 and "try again" in err
    await checkpointed(connection, settings)
    code, out, _ = await nexus("evidence", made[0], "-o", str(tmp_path / "p.json"), *data, "--output", "json")
    assert code == 0 and len(json.loads(out)["facts"]) == 3
