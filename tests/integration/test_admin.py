"""The admin plane as a process on a real log: commands reach it, survive it, and are told apart when they collide."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from ops.cli.admin_client import AdminClient, AdminRefused, path_of
from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from projections.vault import open_vault
from schemas.aggregates.credential import Credential
from schemas.aggregates.virtual_key import VirtualKey
from schemas.codec import decode_segment, open_fact
from schemas.envelope import parse_position
from schemas.facts.traffic import SYSTEM
from tests.integration.admin_process import AdminProcess, admin
from tests.integration.log_fixture import connection
from tests.integration.nats_fixture import NatsServer, nats_server

__all__ = ["admin", "connection", "nats_server"]

CANARY = "sk-canary-4f1d2c3b5a69788776655443322"


async def make_town(admin: AdminProcess) -> None:
    for collection, body in (
        ("tenants", {"id": "acme"}),
        ("credentials", {"id": "main", "secret": CANARY}),
        ("providers", {"id": "mock", "base_url": "http://127.0.0.1:1/v1", "credential": "main"}),
        ("models", {"id": "mock/gpt-4o", "prices": {"input": 1, "output": 2}}),
        ("routes", {"id": "default"}),
    ):
        # each builds on the one before: a command is seen by the next
        made = await admin.call("POST", collection, body)
        assert made.status == 201, made.raw


async def test_commands_become_facts_that_say_who_and_for_which_request(
    admin: AdminProcess, connection: LogConnection
) -> None:
    made = await admin.call("POST", "tenants", {"id": "acme"})
    position = parse_position(made.headers["x-nexus-position"])
    messages = [found async for batch in StreamReader(connection, "CONFIG").batches(follow=False) for found in batch]
    (message,) = messages
    (fact,) = decode_segment(message.payload).facts
    assert message.sequence == position.sequence
    assert (fact.type, fact.actor) == ("tenant.created.v1", "admin:root")
    assert fact.correlation == made.headers["x-nexus-request-id"]


async def test_no_secret_reaches_the_log_the_answers_or_the_disk_in_the_clear(
    admin: AdminProcess, connection: LogConnection
) -> None:
    await make_town(admin)
    key = (await admin.call("POST", "virtual-keys", {"id": "app"})).json["key"]
    misplaced = [
        await admin.call("POST", "providers", {"id": "p", "base_url": f"http://{CANARY}@h", "credential": CANARY}),
        await admin.call("PATCH", "credentials/main", {"secret": [CANARY]}),
        await admin.call("GET", f"credentials/{CANARY}?tenant=acme"),
        await admin.call("DELETE", f"virtual-keys/{key}"),
        await admin.call("GET", f"models/{CANARY}/x?{CANARY}=1"),
    ]
    assert [reply.status for reply in misplaced] == [400, 400, 404, 404, 400]
    listed = [await admin.call("GET", name) for name in ("credentials", "virtual-keys", "openapi.json")]
    payloads = [
        found.payload async for batch in StreamReader(connection, "CONFIG").batches(follow=False) for found in batch
    ]
    files = [path.read_bytes() for path in admin.directory.rglob("*") if path.is_file()]
    everything = b"\n".join([*(reply.raw for reply in [*misplaced, *listed]), *payloads, *files])
    # the name of an unknown parameter is the caller's own word and is told back
    assert everything.count(CANARY.encode()) == misplaced[-1].raw.count(CANARY.encode())
    assert key.encode() not in everything
    vault = await open_vault(admin.settings, connection)
    specs = [getattr(open_fact(fact), "spec", None) for data in payloads for fact in decode_segment(data).facts]
    (credential,) = [spec for spec in specs if isinstance(spec, Credential)]
    assert vault.open_secret("credential", "acme", "main", credential.sealed) == CANARY
    (issued,) = [spec for spec in specs if isinstance(spec, VirtualKey)]
    assert issued.hash == vault.hash_key(key)


async def test_of_two_who_change_the_same_at_once_one_is_told(admin: AdminProcess) -> None:
    await make_town(admin)
    version = 1
    for turn in range(20):
        replies = await asyncio.gather(
            *(
                admin.call("PATCH", "routes/default", {"priority": 1 + 2 * turn + who}, {"If-Match": f'"{version}"'})
                for who in range(2)
            )
        )
        statuses = sorted(reply.status for reply in replies)
        assert statuses in ([200, 409], [200, 412])
        winner = next(reply for reply in replies if reply.status == 200)
        read = await admin.call(
            "GET", "routes/default", headers={"X-Nexus-Position": winner.headers["x-nexus-position"]}
        )
        assert read.json == winner.json
        version = read.json["version"]
    assert version == 21


async def test_two_planes_share_one_log(
    admin: AdminProcess, nats_server: NatsServer, tmp_path: Path, connection: LogConnection
) -> None:
    await make_town(admin)
    master = (admin.directory / "master.key").read_text().strip()
    other = AdminProcess(tmp_path / "other", nats_url=nats_server.url, writer="admin-2", master_key=master)
    await other.start()
    try:
        for turn in range(10):
            first, second = (admin, other) if turn % 2 else (other, admin)
            changed = await first.call("PATCH", "routes/default", {"priority": turn})
            asked = {"X-Nexus-Position": changed.headers["x-nexus-position"]}
            read = await second.call("GET", "routes/default", headers=asked)
            assert read.json == changed.json
        assert other.key != admin.key
    finally:
        assert await other.stop() == 0


async def test_what_was_commanded_survives_the_process(admin: AdminProcess) -> None:
    await make_town(admin)
    key = admin.key
    before = [
        (await admin.call("GET", name)).json for name in ("tenants", "credentials", "providers", "models", "routes")
    ]
    assert admin.process is not None
    admin.process.kill()
    admin.process.wait(10)
    await admin.start()
    after = [
        (await admin.call("GET", name)).json for name in ("tenants", "credentials", "providers", "models", "routes")
    ]
    assert (after, admin.key) == (before, key)
    assert stat.S_IMODE((admin.directory / "admin.key").stat().st_mode) == 0o600


async def test_the_command_line_speaks_with_it(admin: AdminProcess) -> None:
    await make_town(admin)
    client = AdminClient(f"http://127.0.0.1:{admin.port}", admin.key)
    target = {"kind": "file", "file": "events.ndjson", "all_tenants": True}

    def speak() -> None:
        put = client.call(
            "PUT", path_of("siem-targets", "file"), query={"tenant": SYSTEM}, body={"id": "file", **target}
        )
        assert (put.status, put.position[:7]) == (201, "CONFIG:")
        assert client.get(path_of("models", "mock/gpt-4o"))["version"] == 1
        assert [found["id"] for found in client.pages("/siem-targets")] == ["file"]
        with pytest.raises(AdminRefused) as refused:
            client.get(path_of("models", "mock/gone"))
        assert (refused.value.status, refused.value.error_code) == (404, "not_found")

    await asyncio.to_thread(speak)


async def test_a_lost_log_is_told_and_comes_back(admin: AdminProcess, nats_server: NatsServer) -> None:
    await make_town(admin)
    healthy = (await admin.call("GET", "health")).json
    assert (healthy["status"], healthy["dependencies"]["log"]["ok"], healthy["config"]["lag"]) == ("ok", True, 0)
    nats_server.kill()
    lost = await admin.call("PATCH", "routes/default", {"priority": 7})
    assert (lost.status, lost.json["error"]["type"]) == (503, "api_error")
    assert int(lost.headers["retry-after"]) > 0
    assert (await admin.call("GET", "routes/default")).json["priority"] == 0
    report = (await admin.call("GET", "health")).json
    assert (report["status"], report["dependencies"]["log"]["ok"]) == ("degraded", False)
    nats_server.start()
    for _ in range(30):
        changed = await admin.call("PATCH", "routes/default", {"priority": 8})
        if changed.status != 503:
            break
        assert changed.json["error"]["code"] == "unavailable"
    assert (changed.status, changed.json["priority"]) == (200, 8)
