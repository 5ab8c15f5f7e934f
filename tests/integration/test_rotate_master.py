"""Another master key: nothing that is kept changes its name, all opens with the new key, nothing with the old one."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ops.cli.record import tell
from projections.log import api
from projections.log.connection import LogConnection
from projections.log.reader import Message, StreamReader
from projections.log.store import ConfigStore
from projections.vault import BadMasterKey, BodyVault, NotAuthentic, Vault, keyring, master, open_vault
from projections.vault import rotation as rotating
from projections.vault.data_keys import Record, place_of
from projections.vault.keyring import SealedRing
from projections.vault.ring_store import PLACE, STREAM, overwrite, read_ring, write_ring
from schemas.aggregates import credential, siem_target
from schemas.aggregates.credential import Credential, SealedSecret
from schemas.aggregates.decider import Put
from schemas.aggregates.siem_target import SiemTarget
from schemas.codec import decode_segment, open_fact
from schemas.envelope import Fact
from schemas.facts.ops import MasterKeyRotated
from schemas.facts.traffic import SealedBody
from schemas.ids import Ids, SystemClock
from schemas.settings import Settings
from tests.integration.log_fixture import connection, stored
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.test_cli_log import nexus
from tests.waiting import until

__all__ = ["connection", "nats_server"]

CLOCK = SystemClock()
LEGACY = bytes(range(32))
SUBJECTS = [f"sub_{number:032x}" for number in range(40)]
SECRET = "sk-provider-secret"


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the run is done after it."""


@pytest.fixture
def settings(nats_server: NatsServer, tmp_path: Path) -> Settings:
    data = tmp_path / "data"
    data.mkdir()
    (data / "endpoints.json").write_text(json.dumps({"nats": nats_server.url}))
    return Settings(nats_url=nats_server.url, data_dir=str(data))


@pytest.fixture
async def elsewhere(nats_server: NatsServer) -> AsyncIterator[LogConnection]:
    """The connection of another process."""
    opened = await LogConnection.open(nats_server.url, "elsewhere")
    yield opened
    await opened.close()


async def furnished(connection: LogConnection, vault: Vault) -> dict[str, SealedBody]:
    """Things sealed under everything there is: bodies of many people, a credential, a token of a SIEM."""
    bodies = BodyVault(connection, vault)
    sealed = {name: await bodies.seal("acme", name, "r-1", "request", name.encode()) for name in SUBJECTS}
    store = ConfigStore(connection, CLOCK, Ids(CLOCK), writer="test")
    secret = vault.seal_secret("credential", "acme", "main", SECRET)
    token = vault.seal_secret("siem-target", "acme", "web", SECRET)
    for decider, spec in (
        (credential.DECIDER, Credential(id="main", tenant="acme", sealed=secret)),
        (siem_target.DECIDER, SiemTarget(id="web", tenant="acme", kind="http", url="http://127.0.0.1:1/", token=token)),
    ):
        await store.handle(decider, "acme", spec.id, Put(spec), actor="admin:test", correlation="test")
    return sealed


async def secrets_of(connection: LogConnection) -> dict[str, SealedSecret]:
    """What stands on CONFIG, by kind."""
    found: dict[str, SealedSecret] = {}
    for message in await stored(connection, "CONFIG"):
        for fact in decode_segment(message.payload).facts:
            spec: Any = getattr(open_fact(fact), "spec", None)
            if isinstance(spec, Credential):
                found["credential"] = spec.sealed
            elif isinstance(spec, SiemTarget) and spec.token is not None:
                found["siem-target"] = spec.token
    return found


async def all_opens(connection: LogConnection, vault: Vault, sealed: dict[str, SealedBody]) -> None:
    bodies = BodyVault(connection, vault)
    for name, body in sealed.items():
        assert await bodies.open("acme", "r-1", "request", body) == name.encode()
    opened = await secrets_of(connection)
    assert vault.open_secret("credential", "acme", "main", opened["credential"]) == SECRET
    assert vault.open_secret("siem-target", "acme", "web", opened["siem-target"]) == SECRET


async def rotate(settings: Settings, *argv: str) -> dict[str, Any]:
    code, out, err = await nexus("keys", "rotate-master", *argv, "--data", settings.data_dir, "--output", "json")
    assert code == 0, err
    told: dict[str, Any] = json.loads(out)
    return told


async def rotations(connection: LogConnection) -> list[tuple[Fact, MasterKeyRotated]]:
    facts = [fact for message in await stored(connection, "OPS") for fact in decode_segment(message.payload).facts]
    opened = [(fact, open_fact(fact)) for fact in facts]
    return [(fact, data) for fact, data in opened if isinstance(data, MasterKeyRotated)]


async def test_a_new_installation_has_keys_that_follow_from_no_master_key(
    connection: LogConnection, elsewhere: LogConnection, settings: Settings
) -> None:
    vault = await open_vault(settings, connection)
    key = master.read(settings.data / master.FILE)
    assert vault.hash_key("nvk_1") != Vault(key).hash_key("nvk_1")
    assert vault.pseudonym("acme", "ann") != Vault(key).pseudonym("acme", "ann")
    again = await open_vault(settings, elsewhere)
    assert (again.ring_id, again.hash_key("nvk_1")) == (vault.ring_id, vault.hash_key("nvk_1"))


async def test_an_installation_of_an_earlier_release_keeps_its_keys(
    connection: LogConnection, elsewhere: LogConnection, settings: Settings
) -> None:
    # what an earlier release wrote: everything derived from the master key, data keys at places without a week
    before = Vault(LEGACY)
    master.replace(settings.data, LEGACY)
    place = place_of("acme", SUBJECTS[0])
    old_key = "00112233aabbccdd"
    nonce, wrapped = before.wrap(before.key_id, bytes(32), keyring_bound("acme", SUBJECTS[0], old_key))
    record = Record(1, old_key, before.key_id, nonce, wrapped)
    assert (await api.publish(connection, place, record.encode(), {})).error is None
    sealed = {name: body for name, body in (await furnished(connection, before)).items() if name != SUBJECTS[0]}
    vault = await open_vault(settings, connection)
    # the golden values of the first release
    assert vault.key_id == "0c650974"
    assert vault.hash_key("nvk_0") == "c3575d36a53e685144052ded0b3f546dc09ecccbbc91f9255338eeb856286203"
    assert vault.pseudonym("demo", "ann") == "sub_7fda333c9a7211afeb69fb314931e1ca"
    await all_opens(connection, vault, sealed)
    assert (await BodyVault(connection, vault)._keys.to_open("acme", SUBJECTS[0], old_key)).id == old_key

    told = await rotate(settings)
    assert (told["rewrapped"], told["left"], told["overwritten"]) == (len(SUBJECTS) + 1, 0, True)
    assert told["replace_at_provider"] == ["credential acme/main", "siem-target acme/web"]
    after = await open_vault(settings, elsewhere)
    assert after.hash_key("nvk_0") == vault.hash_key("nvk_0") == before.hash_key("nvk_0")
    assert after.pseudonym("demo", "ann") == before.pseudonym("demo", "ann")
    assert (await BodyVault(elsewhere, after)._keys.to_open("acme", SUBJECTS[0], old_key)).id == old_key
    await all_opens(elsewhere, after, sealed)
    # even here, where the first keys followed from the master key, it opens no data key any more
    with pytest.raises(NotAuthentic):
        await BodyVault(elsewhere, before).open("acme", "r-1", "request", sealed[SUBJECTS[1]])


def keyring_bound(tenant: str, subject: str, key: str) -> bytes:
    return "\x00".join(("data-key", tenant, subject, key)).encode()


async def test_after_a_rotation_all_opens_with_the_new_key_and_nothing_with_the_old_one(
    connection: LogConnection, elsewhere: LogConnection, settings: Settings, nats_server: NatsServer, tmp_path: Path
) -> None:
    running = await open_vault(settings, elsewhere)
    sealed = await furnished(connection, running)
    old = master.read(settings.data / master.FILE)
    hashed, named = running.hash_key("nvk_1"), running.pseudonym("acme", "ann")
    before = await vault_messages(connection)
    ring = running.ring_id

    told = await rotate(settings)
    new = master.read(settings.data / master.FILE)
    assert (told["old"], told["new"]) == (keyring.master_id(old), keyring.master_id(new))
    assert (told["rewrapped"], told["left"], told["replace_at_provider"]) == (len(SUBJECTS), 0, [])
    assert not (settings.data / master.NEXT).exists()

    # the running process has heard of it, and needs no restart; nothing that is looked up has changed
    await until(lambda: running.ring_id != ring, "the new ring is taken")
    await all_opens(elsewhere, running, sealed)
    assert (running.hash_key("nvk_1"), running.pseudonym("acme", "ann")) == (hashed, named)
    # so has the next start
    started = await open_vault(settings, connection)
    await all_opens(connection, started, sealed)
    assert (started.hash_key("nvk_1"), started.pseudonym("acme", "ann")) == (hashed, named)
    newer = running.seal_secret("credential", "acme", "other", "new")
    assert started.open_secret("credential", "acme", "other", newer) == "new"

    ((fact, data),) = await rotations(connection)
    assert fact.actor.startswith("operator")
    assert (data.old, data.new, data.data_keys, data.left) == (told["old"], told["new"], len(SUBJECTS), 0)

    # the old key with a copy of everything that there is now
    record, _ = await read_ring(connection)
    assert record is not None
    assert keyring.unseal(record, old) is None
    for stranger in (Vault(old), Vault.of(keyring.derived(old))):
        for kind, secret in (await secrets_of(connection)).items():
            with pytest.raises(NotAuthentic):
                stranger.open_secret(kind, "acme", "main" if kind == "credential" else "web", secret)
        for body in sealed.values():
            with pytest.raises(NotAuthentic):
                await BodyVault(connection, stranger).open("acme", "r-1", "request", body)
    with pytest.raises(BadMasterKey, match=told["new"]):
        await open_vault(Settings(nats_url=nats_server.url, data_dir=str(tmp_path), master_key=old.hex()), connection)
    # neither the old keyring, nor any data key as it was wrapped before, nor the old key is anywhere on the disk
    everything = all_bytes(tmp_path)
    assert any(message.payload in everything for message in await vault_messages(connection)), "the scan finds things"
    assert len(before) == len(SUBJECTS) + 1
    for message in before:
        assert sealed_part(message) not in everything
    assert old.hex().encode() not in everything


def all_bytes(root: Path) -> bytes:
    return b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())


def sealed_part(message: Message) -> bytes:
    if message.subject == PLACE:
        return SealedRing.decode(message.payload).slots[0].sealed
    record = Record.decode(message.payload)
    assert record is not None
    return record.wrapped


async def vault_messages(connection: LogConnection) -> list[Message]:
    return [one async for batch in StreamReader(connection, STREAM).batches(follow=False) for one in batch]


@pytest.mark.parametrize("step", [*range(1, 8), 0])
async def test_a_rotation_that_was_killed_goes_on(
    connection: LogConnection, elsewhere: LogConnection, settings: Settings, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Killed after each of its seven steps (ring, data keys, file, ring, data keys, fact, ring), and (0) in the middle
    of the data keys, between the new record of one and the end of the old one."""
    vault = await open_vault(settings, elsewhere)
    sealed = await furnished(connection, vault)
    old = master.read(settings.data / master.FILE)
    count = 0

    def dies(function: Any) -> Any:
        async def then(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            made = await function(*args, **kwargs)
            count += 1
            if count == step:
                raise Killed
            return made

        return then

    def dies_now(function: Any) -> Any:
        def then(*args: Any) -> Any:
            nonlocal count
            function(*args)
            count += 1
            if count == step:
                raise Killed

        return then

    with monkeypatch.context() as during:
        during.setattr(rotating, "write_ring", dies(write_ring))
        during.setattr(rotating, "_AT_ONCE", 1)
        during.setattr(rotating.Rotator, "_rewrap", dies(rotating.Rotator._rewrap))
        during.setattr(master, "replace", dies_now(master.replace))
        during.setattr("ops.cli.rotate_master.tell", dies(tell))
        if step == 0:
            during.setattr(rotating, "overwrite", dies_at(10))
        with pytest.raises(Killed):
            await rotate(settings)
    # between the two everything works for whoever starts, and for who has been running
    await all_opens(connection, await open_vault(settings, connection), sealed)
    await all_opens(elsewhere, vault, sealed)

    if step < 7:
        told = await rotate(settings)
        assert (told["resumed"], told["left"], told["rewrapped"]) == (True, 0, told["rewrapped"])
    new = master.read(settings.data / master.FILE)
    record, _ = await read_ring(connection)
    assert record is not None
    assert (record.masters, record.rotation) == ((keyring.master_id(new),), None)
    assert new != old
    after = await open_vault(settings, connection)
    await all_opens(connection, after, sealed)
    for message in await vault_messages(connection):
        if message.subject != PLACE:
            kept = Record.decode(message.payload)
            assert kept is not None
            assert kept.master == after.key_id
    assert len(await vault_messages(connection)) == len(SUBJECTS) + 1
    ((_, data),) = await rotations(connection)
    assert data.new == keyring.master_id(new)


async def test_kill_9_in_the_middle_loses_nothing(
    connection: LogConnection, elsewhere: LogConnection, settings: Settings
) -> None:
    vault = await open_vault(settings, elsewhere)
    sealed = await furnished(connection, vault)
    # enough for it to be at work when the signal comes
    more = [f"sub_{number:032x}" for number in range(1_000, 1_300)]
    bodies = BodyVault(connection, vault)
    await asyncio.gather(*(bodies.seal("acme", name, "r-1", "request", b"text") for name in more))
    argv = [sys.executable, "-m", "ops", "keys", "rotate-master", "--data", settings.data_dir]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NEXUS_")}
    process = await asyncio.create_subprocess_exec(
        *argv, env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    ring = vault.ring_id
    # a running process has heard that it began, and goes on
    await until(lambda: vault.ring_id != ring, "the rotation has begun")
    process.kill()
    await process.wait()
    record, _ = await read_ring(connection)
    assert record is not None
    assert (len(record.slots), record.rotation is not None) == (2, True), "it was killed before its end"
    await all_opens(connection, await open_vault(settings, connection), sealed)
    started = BodyVault(elsewhere, vault)
    made = await started.seal("acme", "sub_new", "r-1", "request", b"sub_new")

    told = await rotate(settings)
    assert (told["resumed"], told["left"]) == (True, 0)
    after = await open_vault(settings, connection)
    await all_opens(connection, after, {**sealed, "sub_new": made})
    await all_opens(elsewhere, vault, {**sealed, "sub_new": made})
    assert keyring.master_id(master.read(settings.data / master.FILE)) == told["new"]
    ((_, data),) = await rotations(connection)
    assert data.new == told["new"]


def dies_at(turn: int) -> Any:
    turns = iter(range(1, turn + 1))

    async def then(connection: LogConnection, message: Any) -> bool:
        if next(turns) == turn:
            raise Killed
        return await overwrite(connection, message)

    return then


async def test_a_missing_key_is_not_made_anew_where_things_are_sealed(
    connection: LogConnection, settings: Settings, tmp_path: Path
) -> None:
    await furnished(connection, await open_vault(settings, connection))
    (settings.data / master.FILE).unlink()
    with pytest.raises(BadMasterKey, match=r"master\.key from its backup, or set NEXUS_MASTER_KEY"):
        await open_vault(settings, connection)
    assert not (settings.data / master.FILE).exists()


@pytest.mark.parametrize("given", ["", "cd" * 32])
async def test_nor_where_an_earlier_release_has_sealed_things(
    connection: LogConnection, settings: Settings, given: str
) -> None:
    await furnished(connection, Vault(LEGACY))
    wrong = Settings(nats_url=settings.nats_url, data_dir=settings.data_dir, master_key=given)
    with pytest.raises(BadMasterKey, match=Vault(LEGACY).key_id):
        await open_vault(wrong, connection)
    assert await read_ring(connection) == (None, 0)
    assert not (settings.data / master.FILE).exists()


async def test_with_the_key_in_the_environment_the_new_one_is_named(
    connection: LogConnection, elsewhere: LogConnection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = Settings(nats_url=settings.nats_url, data_dir=settings.data_dir, master_key="ab" * 32)
    sealed = await furnished(connection, await open_vault(given, connection))
    monkeypatch.setenv("NEXUS_MASTER_KEY", "ab" * 32)
    code, _, err = await nexus("keys", "rotate-master", "--data", settings.data_dir)
    assert (code, "--new-key-file" in err) == (1, True)
    file = settings.data / "next.key"
    file.write_text("cd" * 32 + "\n")
    file.chmod(0o600)
    await rotate(settings, "--new-key-file", str(file))
    with pytest.raises(BadMasterKey, match="rotate-master"):
        await open_vault(given, elsewhere)
    now = Settings(nats_url=settings.nats_url, data_dir=settings.data_dir, master_key="cd" * 32)
    await all_opens(elsewhere, await open_vault(now, elsewhere), sealed)
    code, _, err = await nexus("keys", "rotate-master", "--new-key-file", str(file), "--data", settings.data_dir)
    assert (code, "that key is not here" in err or "is the present one" in err) == (1, True)
