"""`nexus replay --into siem:NAME --resend`: events once more, marked, with the ids they had."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ops.replay import siem
from projections.log.connection import LogConnection
from schemas.ocsf.lines import place_of
from tests.integration.log_fixture import connection, stored
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.siem_rig import Receiver, Rig
from tests.integration.test_cli_dead import acted
from tests.integration.test_cli_log import nexus

__all__ = ["connection", "nats_server"]

TOKEN = "a-token-that-nobody-may-see"


@pytest.fixture
async def rig(
    connection: LogConnection, nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Rig:
    data = tmp_path / "data"
    data.mkdir()
    (data / "endpoints.json").write_text(json.dumps({"nats": nats_server.url}))
    monkeypatch.setenv("NEXUS_MASTER_KEY", "ab" * 32)
    monkeypatch.setattr(siem, "FIRST_RETRY_S", 0.01)
    return await Rig.open(connection, nats_server.url, data)


async def replay(rig: Rig, name: str, *argv: str) -> tuple[int, Any]:
    data = str(rig.settings.data)
    code, out, err = await nexus("replay", "--into", f"siem:{name}", *argv, "--data", data, "--output", "json")
    return code, json.loads(out) if out else err


async def test_into_export_marked_and_with_the_ids_they_had(rig: Rig) -> None:
    await rig.target("log", kind="stream")
    await rig.traffic("ab", times=4)
    places = await rig.places("a")
    async with rig.worker():
        await rig.until_exported("a", places)
        code, told = await replay(rig, "log", "--resend", "--from", "TRAFFIC:2", "--to", "TRAFFIC:3")
        assert (code, told["events"], told["complete"]) == (0, 2, True)
        await rig.traffic("a")
        later = (await rig.places("a"))[-1]
        await rig.until_exported("a", [*places, *places[1:3], later])
    events = [json.loads(message.payload) for message in await stored(rig.connection, "EXPORT")]
    assert [event["unmapped"].get("resent", False) for event in events] == [False] * 4 + [True] * 2 + [False]
    assert [event["metadata"]["uid"] for event in events[4:6]] == [event["metadata"]["uid"] for event in events[1:3]]
    for event in events[4:6]:
        del event["unmapped"]["resent"]
    assert events[4:6] == events[1:3]
    (said,) = await acted(rig.connection)
    assert (said.action, said.detail) == ("replay resend", "TRAFFIC:2 to TRAFFIC:3 into siem a/log")


async def test_findings_go_along_and_what_was_approved_does_not(rig: Rig) -> None:
    await rig.target("log", kind="stream")
    await rig.traffic("ab", screened="redact")
    await rig.traffic("a", screened="approve")
    places = await rig.places("a")
    assert len(places) == 3
    async with rig.worker():
        await rig.until_exported("a", places)
    assert (await replay(rig, "log", "--dry-run"))[1]["events"] == 3
    assert (await replay(rig, "log", "--resend"))[1]["events"] == 3
    events = [json.loads(message.payload) for message in await stored(rig.connection, "EXPORT")]
    assert [event["class_uid"] for event in events] == [2004, 6003, 6003] * 2
    assert [event["unmapped"].pop("resent", False) for event in events] == [False] * 3 + [True] * 3
    assert events[3:] == events[:3]


async def test_to_a_receiver_in_the_order_of_the_log(rig: Rig) -> None:
    async with Receiver() as receiver:
        token = rig.vault.seal_secret("siem-target", "a", "web", TOKEN)
        await rig.target("web", kind="http", url=receiver.url, token=token)
        await rig.traffic("ab" + "a" * 298, times=3)
        code, told = await replay(rig, "a/web", "--resend")
        assert (code, told["events"]) == (0, 3 * 299)
        assert receiver.places == await rig.places("a")
        assert max(len(taken.places) for taken in receiver.accepted) == siem.MOST_LINES
        assert {taken.authorization for taken in receiver.accepted} == {f"Bearer {TOKEN}"}
        assert len({taken.key for taken in receiver.accepted}) == len(receiver.accepted)
        assert {tenant for taken in receiver.accepted for tenant in taken.tenants} == {"a"}


async def test_a_receiver_that_refuses_gets_the_rest_later(rig: Rig) -> None:
    async with Receiver() as receiver:
        await rig.target("web", kind="http", url=f"{receiver.url}?token={TOKEN}")
        await rig.traffic("a", times=6)
        assert (await replay(rig, "web", "--resend", "--limit", "2"))[1]["events"] == 2
        receiver.answer = lambda _: 403
        code, why = await replay(rig, "web", "--resend")
        assert (code, "status 403" in why, TOKEN in why) == (1, True, False)
        answers = iter([503, 429, 200])
        receiver.answer = lambda _: next(answers)
        code, told = await replay(rig, "web", "--resend")
        assert (code, told["events"], told["complete"]) == (0, 4, True)
        assert receiver.places == await rig.places("a")


async def test_nothing_is_sent_unless_it_is_meant(rig: Rig) -> None:
    async with Receiver() as receiver:
        await rig.target("web", kind="http", url=receiver.url)
        await rig.target("off", kind="http", url=receiver.url, enabled=False)
        await rig.target("disk", kind="file", file="f.ndjson")
        await rig.traffic("ab", times=2)
        assert (await replay(rig, "web"))[0] == 2
        code, told = await replay(rig, "web", "--dry-run")
        assert (code, told["events"]) == (0, 2)
        assert (await replay(rig, "web", "--resend", "--tenant", "b"))[0] == 2
        assert (await replay(rig, "web", "--resend", "--type", "x"))[0] == 2
        assert (await replay(rig, "nowhere", "--resend"))[0] == 5
        assert (await replay(rig, "off", "--resend"))[0] == 1
        code, why = await replay(rig, "disk", "--resend")
        assert (code, "into file:PATH" in why) == (1, True)
        await rig.target("web", kind="http", url=receiver.url, tenant="b")
        code, why = await replay(rig, "web", "--resend")
        assert (code, "siem:a/web" in why) == (2, True)
        assert receiver.requests == []
    assert await acted(rig.connection) == []


async def test_without_the_master_key_a_sealed_token_is_not_guessed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    token = rig.vault.seal_secret("siem-target", "a", "web", TOKEN)
    await rig.target("web", kind="http", url="http://127.0.0.1:1/", token=token)
    await rig.traffic("a")
    monkeypatch.delenv("NEXUS_MASTER_KEY")
    code, why = await replay(rig, "web", "--resend")
    assert (code, "master key is not here" in why) == (1, True)
    assert not (rig.settings.data / "master.key").exists()
    monkeypatch.setenv("NEXUS_MASTER_KEY", "cd" * 32)
    code, why = await replay(rig, "web", "--resend")
    assert (code, "sealed under master key" in why) == (1, True)


async def test_a_resent_line_tells_its_place(rig: Rig) -> None:
    await rig.target("log", kind="stream")
    await rig.traffic("a", times=2)
    await replay(rig, "log", "--resend")
    exported = [place_of(message.payload) for message in await stored(rig.connection, "EXPORT")]
    assert exported == await rig.places("a")
