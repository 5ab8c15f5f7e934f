"""Bodies sealed under data keys that live in a real key-value bucket and a real object store."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

import msgspec
import pytest

from projections.log.api import call
from projections.log.connection import LogConnection
from projections.log.topology import apply
from projections.vault import BodyVault, Erased, NotAuthentic, Vault
from projections.vault.bodies import INLINE
from schemas.errors import NotFound, Unavailable
from schemas.facts.traffic import SealedBody
from schemas.topology import BODIES, EMBEDDED, VAULT, Bucket, ObjectStore, Topology
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.waiting import until

__all__ = ["nats_server"]

MASTER = bytes(range(32))
PLACE = ("acme", "sub_1", "request-1", "request")
STORES = Topology((), (), (Bucket(VAULT, deny_delete=False),), (ObjectStore(BODIES),))


class StoppedClock:
    """Time moves when the test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now_us(self) -> int:
        return int(self.seconds * 1_000_000)

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
async def connection(nats_server: NatsServer) -> AsyncIterator[LogConnection]:
    opened = await LogConnection.open(nats_server.url, "vault-test")
    await apply(opened, STORES, replicas=1, partitions=1)
    yield opened
    await opened.close()


@pytest.fixture
def bodies(connection: LogConnection) -> BodyVault:
    return BodyVault(connection, Vault(MASTER))


async def opened(bodies: BodyVault, sealed: SealedBody, place: tuple[str, str, str, str] = PLACE) -> bytes:
    tenant, _, request, part = place
    return await bodies.open(tenant, request, part, sealed)


@pytest.mark.parametrize("size", [0, 1, 1024, INLINE])
async def test_an_inline_body_comes_back_as_it_was(bodies: BodyVault, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    sealed = await bodies.seal(*PLACE, body)
    assert await opened(bodies, sealed) == body
    assert len(sealed.ciphertext) == size + 16
    assert sealed.sha256 == hashlib.sha256(sealed.ciphertext).digest()
    assert sealed.size == size
    assert size < 16 or body[:16] not in sealed.ciphertext


@pytest.mark.parametrize("size", [INLINE + 1, 3 * 1024 * 1024])
async def test_a_large_body_goes_to_the_object_store_under_its_hash(
    bodies: BodyVault, connection: LogConnection, size: int
) -> None:
    body = b"canary-" * (size // 7) + b"x" * (size % 7)
    sealed = await bodies.seal(*PLACE, body)
    assert sealed.ciphertext == b""
    stored = (await (await connection.js.object_store(BODIES)).get(sealed.sha256.hex())).data
    assert stored is not None
    assert hashlib.sha256(stored).digest() == sealed.sha256
    assert b"canary" not in stored
    assert await opened(bodies, sealed) == body


async def test_a_large_body_that_is_no_longer_kept_is_told_apart(bodies: BodyVault, connection: LogConnection) -> None:
    sealed = await bodies.seal(*PLACE, b"x" * (INLINE + 1))
    gone = msgspec.structs.replace(sealed, sha256=bytes(32))
    with pytest.raises(NotFound) as caught:
        await opened(bodies, gone)
    assert caught.value.error_code == "body_not_kept"


async def test_sealing_now_needs_the_key_in_memory_and_a_small_body(bodies: BodyVault) -> None:
    assert bodies.seal_now(*PLACE, b"first") is None
    await bodies.seal(*PLACE, b"second")
    sealed = bodies.seal_now(*PLACE, b"third")
    assert sealed is not None
    assert await opened(bodies, sealed) == b"third"
    assert bodies.seal_now(*PLACE, b"x" * (INLINE + 1)) is None


@pytest.mark.parametrize("at", [0, 2, 3])
async def test_another_tenant_request_or_part_does_not_open(bodies: BodyVault, at: int) -> None:
    sealed = await bodies.seal(*PLACE, b"clear text")
    other = list(PLACE)
    other[at] = "response" if at == 3 else "other"
    # the same subject name in the other tenant, so that there is a key to try
    await bodies.seal(other[0], other[1], other[2], other[3], b"")
    with pytest.raises((NotAuthentic, Erased)) as caught:
        await opened(bodies, sealed, (other[0], other[1], other[2], other[3]))
    assert "clear text" not in str(caught.value)


async def test_another_subject_does_not_open(bodies: BodyVault) -> None:
    sealed = await bodies.seal(*PLACE, b"clear text")
    other = await bodies.seal("acme", "sub_2", "request-1", "request", b"")
    for claimed in (
        msgspec.structs.replace(sealed, subject="sub_2"),
        msgspec.structs.replace(sealed, subject="sub_2", key=other.key),
    ):
        with pytest.raises((NotAuthentic, Erased)):
            await opened(bodies, claimed)


async def test_a_changed_body_does_not_open(bodies: BodyVault) -> None:
    sealed = await bodies.seal(*PLACE, b"clear text")
    changed = bytes([sealed.ciphertext[0] ^ 1]) + sealed.ciphertext[1:]
    with pytest.raises(NotAuthentic):
        await opened(bodies, msgspec.structs.replace(sealed, ciphertext=changed))
    with pytest.raises(NotAuthentic):
        await opened(
            bodies, msgspec.structs.replace(sealed, ciphertext=changed, sha256=hashlib.sha256(changed).digest())
        )


async def test_concurrent_first_use_agrees_on_one_key(connection: LogConnection) -> None:
    vaults = [BodyVault(connection, Vault(MASTER)) for _ in range(8)]
    for subject in ("sub_a", "sub_b", "müller@example.com", "x" * 500):
        sealed = await asyncio.gather(
            *(vault.seal("acme", subject, "r", "request", b"%d" % n) for n, vault in enumerate(vaults))
        )
        assert len({one.key for one in sealed}) == 1
        fresh = BodyVault(connection, Vault(MASTER))
        assert [await fresh.open("acme", "r", "request", one) for one in sealed] == [b"%d" % n for n in range(8)]


async def test_erasure_makes_every_body_of_the_subject_unreadable(bodies: BodyVault, connection: LogConnection) -> None:
    small = await bodies.seal(*PLACE, b"small")
    large = await bodies.seal(*PLACE, b"x" * (INLINE + 1))
    neighbour = await bodies.seal("acme", "sub_2", "request-1", "request", b"stays")
    assert await bodies.erase_subject("acme", "sub_1") == 1
    for vault in (bodies, BodyVault(connection, Vault(MASTER))):
        for sealed in (small, large):
            with pytest.raises(Erased):
                await opened(vault, sealed)
    assert await opened(bodies, neighbour) == b"stays"
    assert bodies.seal_now(*PLACE, b"later") is None
    assert await bodies.erase_subject("acme", "sub_1") == 0
    assert await bodies.erase_subject("acme", "never seen") == 0


async def test_a_subject_that_comes_back_gets_a_new_key(bodies: BodyVault) -> None:
    before = await bodies.seal(*PLACE, b"before")
    await bodies.erase_subject("acme", "sub_1")
    after = await bodies.seal(*PLACE, b"after")
    assert after.key != before.key
    assert await opened(bodies, after) == b"after"
    with pytest.raises(Erased):
        await opened(bodies, before)


async def test_what_belongs_to_an_erased_body_is_not_sealed_under_a_newer_key(bodies: BodyVault) -> None:
    before = await bodies.seal(*PLACE, b"question")
    answer = await bodies.seal(*PLACE, b"answer", before.key)
    assert answer.key == before.key and await opened(bodies, answer) == b"answer"
    await bodies.erase_subject("acme", "sub_1")
    newer = await bodies.seal(*PLACE, b"the same person again")
    assert newer.key != before.key
    for size in (1, INLINE + 1):
        assert bodies.seal_now(*PLACE, b"x" * size, before.key) is None
        with pytest.raises(Erased):
            await bodies.seal(*PLACE, b"x" * size, before.key)


async def test_an_erasure_elsewhere_is_in_force_after_the_time_of_trust(connection: LogConnection) -> None:
    clock = StoppedClock()
    here = BodyVault(connection, Vault(MASTER), clock=clock, trust_s=30.0)
    elsewhere = BodyVault(connection, Vault(MASTER))
    sealed = await here.seal(*PLACE, b"clear text")
    await elsewhere.erase_subject("acme", "sub_1")
    clock.seconds += 30.5
    assert here.seal_now(*PLACE, b"late") is None
    with pytest.raises(Erased):
        await opened(here, sealed)


async def test_the_number_of_keys_in_memory_is_bounded(connection: LogConnection) -> None:
    bodies = BodyVault(connection, Vault(MASTER), bound_keys=3)
    for number in range(5):
        await bodies.seal("acme", f"sub_{number}", "r", "request", b"")
    known = [bodies.seal_now("acme", f"sub_{number}", "r", "request", b"") is not None for number in range(5)]
    assert known == [False, False, True, True, True]


async def test_data_keys_are_stored_wrapped_and_need_the_same_master_key(
    bodies: BodyVault, connection: LogConnection
) -> None:
    sealed = await bodies.seal(*PLACE, b"clear text")
    with pytest.raises(NotAuthentic) as caught:
        await opened(BodyVault(connection, Vault(bytes(32))), sealed)
    assert MASTER.hex() not in str(caught.value)


async def test_without_the_log_sealing_says_so(
    nats_server: NatsServer, connection: LogConnection, bodies: BodyVault
) -> None:
    sealed = await bodies.seal(*PLACE, b"clear text")
    nats_server.kill()
    await until(lambda: not connection.connected, "the loss is noticed")
    with pytest.raises(Unavailable):
        await bodies.seal("acme", "sub_new", "r", "request", b"x")
    # what needs no key from afar still works
    assert await opened(bodies, sealed) == b"clear text"
    nats_server.start()


async def test_in_an_outage_of_the_log_who_is_known_is_sealed_for_and_not_opened(
    nats_server: NatsServer, connection: LogConnection
) -> None:
    clock = StoppedClock()
    here = BodyVault(connection, Vault(MASTER), clock=clock, trust_s=30.0)
    await here.start()
    before = await here.seal(*PLACE, b"clear text")
    nats_server.kill()
    await until(lambda: not connection.connected, "the loss is noticed")
    clock.seconds += 3_600
    during = here.seal_now(*PLACE, b"during")
    assert during is not None and during.key == before.key
    assert (await here.seal(*PLACE, b"answer", before.key)).key == before.key
    # it may have been erased elsewhere
    with pytest.raises(Unavailable):
        await opened(here, before)
    nats_server.start()
    await until(lambda: connection.connected, "the log is back")
    assert await opened(here, during) == b"during"
    await here.close()


async def test_a_bucket_that_was_made_without_leave_to_delete_is_purged(
    nats_server: NatsServer, connection: LogConnection, caplog: pytest.LogCaptureFixture
) -> None:
    config = (await call(connection, f"STREAM.INFO.KV_{VAULT}"))["config"]
    await call(connection, f"STREAM.UPDATE.KV_{VAULT}", config | {"deny_delete": True})
    # what there is now is asked for at every start
    assert await apply(connection, EMBEDDED, replicas=1, partitions=1)
    assert await apply(connection, EMBEDDED, replicas=1, partitions=1) == []
    bodies = BodyVault(connection, Vault(MASTER))
    sealed = await bodies.seal(*PLACE, b"clear text")
    assert await bodies.erase_subject("acme", "sub_1") == 1
    assert "not overwritten" in caplog.text
    for vault in (bodies, BodyVault(connection, Vault(MASTER))):
        with pytest.raises(Erased):
            await opened(vault, sealed)
    assert await bodies.erase_subject("acme", "sub_1") == 0


async def test_large_bodies_of_one_subject_are_taken_out_and_no_others(bodies: BodyVault) -> None:
    mine = [await bodies.seal(*PLACE, bytes([number]) * (INLINE + 1)) for number in range(2)]
    others = [
        (place, await bodies.seal(*place, b"x" * (INLINE + 1)))
        for place in (("acme", "sub_2", "r", "request"), ("beta", "sub_1", "r", "request"))
    ]
    assert await bodies.remove_objects("acme", "sub_1") == 2
    assert await bodies.remove_objects("acme", "sub_1") == 0
    for sealed in mine:
        with pytest.raises(NotFound):
            await opened(bodies, sealed)
    for place, sealed in others:
        assert len(await opened(bodies, sealed, place)) == INLINE + 1
