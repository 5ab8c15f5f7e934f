"""Erasing a subject through a real admin plane: its key is gone everywhere and from the disk, the log is whole."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ops.cli.main import run
from processors.dead import bury
from projections.log import api
from projections.log.connection import LogConnection
from projections.log.dead import letters
from projections.log.reader import StreamReader
from projections.log.verify import verify_chains
from projections.log.writer import SegmentWriter
from projections.vault import BodyVault, Erased, open_vault
from projections.vault.bodies import INLINE
from projections.vault.data_keys import place_of
from schemas import subjects
from schemas.codec import decode_segment, open_fact
from schemas.envelope import Fact
from schemas.facts.ops import OperatorActed, SubjectErased
from schemas.facts.traffic import RequestAccepted, RequestCompleted, SealedBody
from schemas.ids import Ids, SystemClock
from schemas.topology import BODIES, VAULT
from tests.integration.admin_process import AdminProcess, admin
from tests.integration.log_fixture import connection
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.waiting import until

__all__ = ["admin", "connection", "nats_server"]

USER = f"user-{secrets.token_hex(16)}@example.com"
OTHER = f"other-{secrets.token_hex(16)}"
CANARY = f"canary-{secrets.token_hex(16)} "


@pytest.fixture
async def gateway(admin: AdminProcess, connection: LogConnection) -> AsyncIterator[BodyVault]:
    """Bodies as another process has them, which would trust a key for an hour if it heard of nothing."""
    bodies = BodyVault(connection, await open_vault(admin.settings, connection), trust_s=3600.0)
    await bodies.start()
    yield bodies
    await bodies.close()


async def nexus(admin: AdminProcess, *argv: str) -> int:
    """The exit code of a command, which runs beside this loop."""
    return await asyncio.to_thread(run, [*argv, "--data", str(admin.directory), "--output", "json"])


@pytest.fixture(autouse=True)
async def environment(admin: AdminProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await admin.call("POST", "tenants", {"id": "acme"})).status == 201
    monkeypatch.setenv("NEXUS_ADMIN_URL", f"http://127.0.0.1:{admin.port}")
    monkeypatch.setenv("NEXUS_ADMIN_KEY", admin.key)


async def facts_of(connection: LogConnection, stream: str) -> list[Fact]:
    return [
        fact
        async for batch in StreamReader(connection, stream).batches(follow=False)
        for message in batch
        for fact in decode_segment(message.payload).facts
    ]


async def recorded(connection: LogConnection, sealed: dict[str, SealedBody]) -> None:
    """The facts of one request for each body, as a gateway leaves them."""
    clock = SystemClock()
    ids = Ids(clock)
    writer = SegmentWriter(
        connection, clock, ids, stream="TRAFFIC", writer="gateway-1", boot=ids.new(),
        queue_bytes=1 << 24, segment_bytes=1 << 22,
    )  # fmt: skip
    await writer.start()
    for request, body in sealed.items():
        accepted = RequestAccepted(
            "k", "nvk_12345678", body.subject, "chat.completions", "m", False, body.size, "overlapped", 1, body=body
        )
        facts = [
            writer.new_fact(data, tenant="acme", actor="key:k", correlation=request)
            for data in (accepted, RequestCompleted(key_id="k", subject=body.subject, cost_micros=7))
        ]
        await writer.append(subjects.traffic(0), facts)
    await writer.close()


def files_with(root: Path, needle: bytes) -> list[str]:
    return [str(path) for path in root.rglob("*") if path.is_file() and needle in path.read_bytes()]


async def test_after_an_erasure_nobody_opens_a_body_and_nothing_else_has_changed(
    admin: AdminProcess,
    gateway: BodyVault,
    connection: LogConnection,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    vault = await open_vault(admin.settings, connection)
    subject, neighbour = vault.pseudonym("acme", USER), vault.pseudonym("acme", OTHER)
    text = CANARY.encode()
    small = await gateway.seal("acme", subject, "r-1", "request", text)
    large = await gateway.seal("acme", subject, "r-2", "request", text * (INLINE // len(text) + 1))
    kept = await gateway.seal("acme", neighbour, "r-3", "request", text * (INLINE // len(text) + 1))
    await recorded(connection, {"r-1": small, "r-2": large, "r-3": kept})
    traffic = await facts_of(connection, "TRAFFIC")
    stored = await api.get_message(connection, f"KV_{VAULT}", last_of=f"{place_of('acme', subject)}.*")
    assert stored is not None
    wrapped: bytes = msgspec.msgpack.decode(stored.payload)[4]
    assert files_with(tmp_path, wrapped), "the scan finds a wrapped key where there is one"
    assert gateway.seal_now("acme", subject, "r-4", "request", b"") is not None

    assert await nexus(admin, "erase", "--subject", USER, "--reason", "asked for in ticket 12") == 0
    done: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (done["tenant"], done["subject"], done["keys"], done["objects"]) == ("acme", subject, 1, 1)

    # the other process hears of it
    await until(lambda: gateway.seal_now("acme", subject, "r-4", "request", b"") is None, "the key is dropped")
    for bodies in (gateway, BodyVault(connection, vault)):
        for request, sealed in (("r-1", small), ("r-2", large)):
            with pytest.raises(Erased):
                await bodies.open("acme", request, "request", sealed)
        assert CANARY.encode() in await bodies.open("acme", "r-3", "request", kept)
    store = await connection.js.object_store(BODIES)
    assert [info.name for info in await store.list(ignore_deletes=True)] == [kept.sha256.hex()]

    # the bytes of the wrapped key are overwritten, not only forgotten; who it was stands nowhere
    for needle in (wrapped, CANARY.encode(), USER.encode()):
        assert files_with(tmp_path, needle) == []

    asked, erased = await facts_of(connection, "OPS")
    assert (asked.tenant, asked.actor, erased.tenant, erased.actor) == ("acme", "admin:root", "acme", "admin:root")
    assert (erased.correlation, erased.causation) == (asked.correlation, asked.id)
    assert open_fact(asked) == OperatorActed("erase", f"{subject}: asked for in ticket 12")
    assert open_fact(erased) == SubjectErased(subject, "asked for in ticket 12", 1, 1)
    assert await facts_of(connection, "TRAFFIC") == traffic
    assert (await verify_chains(connection)).ok


async def test_a_legal_hold_forbids_it_until_it_is_lifted(
    admin: AdminProcess, gateway: BodyVault, connection: LogConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    subject = (await open_vault(admin.settings, connection)).pseudonym("acme", USER)
    sealed = await gateway.seal("acme", subject, "r-1", "request", CANARY.encode())
    assert await nexus(admin, "hold", "add", "--id", "case-7", "--subject", USER, "--reason", "a lawsuit") == 0
    capsys.readouterr()
    assert await nexus(admin, "erase", "--subject", subject, "--reason", "asked for") == 1
    captured = capsys.readouterr()
    assert (captured.out, "legal hold" in captured.err, "case-7" in captured.err) == ("", True, True)
    assert await BodyVault(connection, await open_vault(admin.settings, connection)).open(
        "acme", "r-1", "request", sealed
    )
    assert await facts_of(connection, "OPS") == []
    # one on everybody is, until it goes
    everyone = ("hold", "add", "--id", "all", "--subject", "*", "--reason", "a lawsuit")
    assert await nexus(admin, *everyone) == 0
    assert await nexus(admin, "erase", "--subject", OTHER, "--reason", "asked for") == 1
    assert "(all)" in capsys.readouterr().err
    assert await nexus(admin, "hold", "rm", "all") == 0
    # somebody else's hold is no reason
    assert await nexus(admin, "erase", "--subject", OTHER, "--reason", "asked for") == 0

    assert await nexus(admin, "hold", "rm", "case-7", "--reason", "settled") == 0
    assert await nexus(admin, "erase", "--subject", USER, "--reason", "asked for") == 0
    with pytest.raises(Erased):
        await BodyVault(connection, await open_vault(admin.settings, connection)).open("acme", "r-1", "request", sealed)


async def test_erasing_again_is_harmless_and_recorded(admin: AdminProcess, connection: LogConnection) -> None:
    for _ in range(2):
        reply = await admin.call("POST", "erasures", {"subject": USER, "reason": "asked for"})
        assert (reply.status, reply.json["keys"], reply.json["objects"]) == (200, 0, 0)
    erased = [fact for fact in await facts_of(connection, "OPS") if fact.type == "subject.erased.v1"]
    assert len(erased) == 2
    for bad in (
        {"subject": "", "reason": "asked for"},
        {"subject": USER, "reason": " "},
        {"subject": USER, "reason": f"{USER} asked for it"},
        {"subject": USER, "reason": "asked for", "tenant": "nobody"},
    ):
        refused = await admin.call("POST", "erasures", bad)
        assert refused.status == 400, refused.raw
        assert USER not in refused.raw.decode()
    assert (await facts_of(connection, "OPS"))[-1] == erased[-1]


async def test_a_process_that_lost_the_log_for_a_while_hears_of_what_it_missed(
    nats_server: NatsServer, admin: AdminProcess, gateway: BodyVault, connection: LogConnection
) -> None:
    subject = (await open_vault(admin.settings, connection)).pseudonym("acme", USER)
    sealed = await gateway.seal("acme", subject, "r-1", "request", CANARY.encode())
    nats_server.kill()
    await until(lambda: not connection.connected, "the loss is noticed")
    # what needs no key from afar still works meanwhile
    assert await gateway.open("acme", "r-1", "request", sealed) == CANARY.encode()
    nats_server.start()
    elsewhere = await LogConnection.open(nats_server.url, "elsewhere")
    await BodyVault(elsewhere, await open_vault(admin.settings, elsewhere)).erase_subject("acme", subject)
    await elsewhere.close()
    await until(lambda: gateway.seal_now("acme", subject, "r-2", "request", b"") is None, "the key is dropped")
    with pytest.raises(Erased):
        await gateway.open("acme", "r-1", "request", sealed)


async def test_an_erasure_that_a_death_broke_off_is_done_to_the_end_by_the_next_process(
    admin: AdminProcess, gateway: BodyVault, connection: LogConnection
) -> None:
    vault = await open_vault(admin.settings, connection)
    subject, other = vault.pseudonym("acme", USER), vault.pseudonym("acme", OTHER)
    text = CANARY.encode() * (INLINE // len(CANARY) + 1)
    sealed = {name: await gateway.seal("acme", name, "r-1", "request", text) for name in (subject, other)}
    assert await admin.stop() == 0
    clock = SystemClock()
    ids = Ids(clock)
    writer = SegmentWriter(
        connection, clock, ids, stream="OPS", writer="admin", boot=ids.new(), queue_bytes=1 << 24, segment_bytes=1 << 22
    )
    await writer.start()
    asked = {}
    for name in (subject, other):
        # as a process leaves it that died after it said what it was about to do
        act = OperatorActed("erase", f"{name}: asked for: in ticket 12")
        asked[name] = writer.new_fact(act, tenant="acme", actor="admin:root", correlation=ids.new())
        await writer.append(subjects.ops("erasure"), [asked[name]])
    await writer.close()
    # the one had lost its key already, the other nothing
    assert await BodyVault(connection, vault).erase_subject("acme", subject) == 1
    await admin.start()

    done: dict[str, SubjectErased] = {}
    async with asyncio.timeout(20):
        async for batch in StreamReader(connection, "OPS").batches():
            for fact in (fact for message in batch for fact in decode_segment(message.payload).facts):
                data = open_fact(fact)
                if isinstance(data, SubjectErased):
                    done[fact.causation] = data
            if len(done) == 2:
                break
    assert done == {
        asked[subject].id: SubjectErased(subject, "asked for: in ticket 12", 0, 1),
        asked[other].id: SubjectErased(other, "asked for: in ticket 12", 1, 1),
    }
    for body in sealed.values():
        with pytest.raises(Erased):
            await BodyVault(connection, vault).open("acme", "r-1", "request", body)
    # and not a second time
    before = len(await facts_of(connection, "OPS"))
    assert await admin.stop() == 0
    await admin.start()
    assert (await admin.call("GET", "health")).status == 200
    assert len(await facts_of(connection, "OPS")) == before
    assert (await verify_chains(connection)).ok


async def test_what_lies_in_dead_and_in_a_spool_cannot_be_opened_either(
    admin: AdminProcess, gateway: BodyVault, connection: LogConnection, tmp_path: Path
) -> None:
    vault = await open_vault(admin.settings, connection)
    subject = vault.pseudonym("acme", USER)
    sealed = await gateway.seal("acme", subject, "r-1", "request", CANARY.encode())
    await recorded(connection, {"r-1": sealed})
    (message, *_) = [one async for batch in StreamReader(connection, "TRAFFIC").batches(follow=False) for one in batch]
    await bury(connection, "audit", message, "it cannot be applied")
    spool = tmp_path / "data" / "spool" / "gateway-1"
    spool.mkdir(parents=True)
    (spool / "left").write_bytes(message.payload)
    assert (await admin.call("POST", "erasures", {"subject": USER, "reason": "asked for"})).status == 200
    dead = [letter async for letter in letters(connection)]
    for payload in (dead[0].message.payload, (spool / "left").read_bytes()):
        (fact,) = [fact for fact in decode_segment(payload).facts if fact.type == "request.accepted.v1"]
        accepted = open_fact(fact)
        assert isinstance(accepted, RequestAccepted) and accepted.body == sealed
        with pytest.raises(Erased):
            await BodyVault(connection, vault).open("acme", "r-1", "request", accepted.body)
    assert files_with(tmp_path, sealed.ciphertext), "the scan looks where they lie"
    assert files_with(tmp_path, CANARY.encode()) == files_with(tmp_path, USER.encode()) == []
