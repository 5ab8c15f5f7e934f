"""Opening the vault of an installation: which master key, which ring, and following its changes. Nothing is sealed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

from nats.aio.msg import Msg

from projections.log import api
from projections.log.api import ApiError, Stored
from projections.log.connection import LogConnection
from projections.log.topology import apply
from projections.vault import keyring, master
from projections.vault.data_keys import wrapped_under
from projections.vault.errors import BadMasterKey, NotAuthentic
from projections.vault.keyring import Keyring, SealedRing
from projections.vault.ring_store import PLACE, STREAM, read_ring, write_ring
from projections.vault.vault import Vault
from schemas.aggregates.credential import SealedSecret
from schemas.codec import decode_segment, open_fact
from schemas.errors import Conflict, Unavailable
from schemas.settings import Settings
from schemas.topology import EMBEDDED, VAULT, Topology

log = logging.getLogger(__name__)

_BUCKET = Topology((), (), tuple(bucket for bucket in EMBEDDED.buckets if bucket.name == VAULT), ())
_SEALED = ("credential", "siem-target", "virtual-key")
"""Aggregates whose facts are worth nothing without the keys."""


async def open_vault(settings: Settings, connection: LogConnection) -> Vault:
    """The vault of this installation: `NEXUS_MASTER_KEY`, else `master.key` in the data directory, opens its keyring.

    The first start makes both, and takes over what earlier releases derived from the master key. The vault follows
    later changes of the ring for as long as the connection lasts.

    Raises:
        BadMasterKey: the master key is missing though there are things sealed under it, or it is another one, or its
            file is not fit to be used; the message says what to do.
        Unavailable: the log does not answer.
    """
    await apply(connection, _BUCKET, replicas=settings.replicas, partitions=1)
    record, _ = await read_ring(connection)
    if record is None:
        record = await _first(settings, connection)
    ring = _open(record, settings)
    if ring is None:
        raise BadMasterKey(_other(record, settings))
    vault = Vault.of(ring)
    await _Following(settings, connection, vault).start()
    return vault


def masters(settings: Settings) -> Iterator[bytes]:
    """The master keys that are at hand.

    Raises:
        BadMasterKey: a file is not fit to be used.
    """
    if settings.master_key:
        yield master.parse(settings.master_key)
        return
    for name in (master.FILE, master.NEXT):
        if (settings.data / name).exists():
            yield master.read(settings.data / name)


def _open(record: SealedRing, settings: Settings) -> Keyring | None:
    for key in masters(settings):
        ring = keyring.unseal(record, key)
        if ring is not None:
            return ring
    return None


def _other(record: SealedRing, settings: Settings) -> str:
    here = ", ".join(keyring.master_id(key) for key in masters(settings))
    there = " or ".join(record.masters)
    if not here:
        return (
            f"the master key is missing: the keys of this installation are sealed under master key {there}. Restore "
            f"the file {settings.data / master.FILE} from its backup, or set NEXUS_MASTER_KEY"
        )
    where = "NEXUS_MASTER_KEY" if settings.master_key else f"the file {settings.data / master.FILE}"
    return (
        f"the keys of this installation are sealed under master key {there}, and {where} holds {here}: "
        "set NEXUS_MASTER_KEY to the right one, or restore the file; once `nexus keys rotate-master` has ended, only "
        "the new one opens"
    )


async def _first(settings: Settings, connection: LogConnection) -> SealedRing:
    """Writes the first ring, unless another process is faster; what is stored then."""
    names, used = await _sealed_before(connection)
    found = next(masters(settings), None)
    if used and found is None:
        raise BadMasterKey(
            "the master key is missing, though the log holds things that were sealed under it"
            + (f" ({', '.join(sorted(names))})" if names else "")
            + f". Restore the file {settings.data / master.FILE} from its backup, or set NEXUS_MASTER_KEY"
        )
    if found is None:
        found = master.from_file(settings.data)
    id = keyring.master_id(found)
    if names and id not in names:
        raise BadMasterKey(
            f"the log holds things that were sealed under master key {', '.join(sorted(names))}, and this one is {id}: "
            f"restore the file {settings.data / master.FILE}, or set NEXUS_MASTER_KEY to the right one"
        )
    ring = keyring.derived(found) if used else keyring.fresh()
    record = SealedRing(keyring.FORMAT, 1, ring.id, (keyring.seal(ring, found),))
    try:
        await write_ring(connection, record, 0)
        log.info("event=keyring_made master=%s of=%s", id, "the keys so far" if used else "new keys")
        return record
    except Conflict:
        stored, _ = await read_ring(connection)
        if stored is None:
            raise Unavailable("the keyring changes too fast to be read; try again", retry_after=1) from None
        return stored


async def _sealed_before(connection: LogConnection) -> tuple[set[str], bool]:
    """Names of master keys under which something is sealed, as far as can be told, and whether anything hangs on one.

    Only asked before there is a ring: this is a new installation, or one of an earlier release.
    """
    names: set[str] = set()
    used = False
    for aggregate in _SEALED:
        stored = await _last_fact(connection, aggregate)
        if stored is None:
            continue
        used = True
        for fact in decode_segment(stored.payload).facts:
            spec = getattr(open_fact(fact), "spec", None)
            for sealed in (getattr(spec, "sealed", None), getattr(spec, "token", None)):
                if isinstance(sealed, SealedSecret):
                    names.add(sealed.key)
    stored = await api.get_message(connection, STREAM, last_of=f"$KV.{VAULT}.*.*")
    if stored is not None:
        used = True
        names |= wrapped_under(stored.payload)
    return names, used


async def _last_fact(connection: LogConnection, aggregate: str) -> Stored | None:
    try:
        return await api.get_message(connection, "CONFIG", last_of=f"config.*.{aggregate}.*")
    except ApiError as error:
        if error.number != api.STREAM_NOT_FOUND:
            raise
        # nothing has ever been configured here
        return None


class _Following:
    """Keeps a vault at the newest ring, by the messages of its bucket and, after a gap, by asking."""

    def __init__(self, settings: Settings, connection: LogConnection, vault: Vault) -> None:
        self._settings = settings
        self._connection = connection
        self._vault = vault
        self._asking: asyncio.Task[None] | None = None
        self._number = 0

    async def start(self) -> None:
        self._vault.refresh = self.ask
        # ends with the connection, as the listener does
        await self._connection.nc.subscribe(PLACE, cb=self._told)
        self._connection.listen(self._changed)
        await self.ask()

    async def ask(self) -> None:
        record, _ = await read_ring(self._connection)
        if record is not None:
            self._take(record)

    async def _told(self, message: Msg) -> None:
        try:
            self._take(SealedRing.decode(message.data))
        except NotAuthentic as error:
            log.error("event=keyring_not_taken reason=%s", error)

    def _take(self, record: SealedRing) -> None:
        if record.number <= self._number or record.ring == self._vault.ring_id:
            self._number = max(self._number, record.number)
            return
        try:
            ring = _open(record, self._settings)
        except (BadMasterKey, NotAuthentic) as error:
            log.error("event=keyring_not_taken reason=%s", error)
            return
        if ring is None:
            log.error("event=keyring_not_taken reason=%s", _other(record, self._settings))
            return
        self._number = record.number
        self._vault.adopt(ring)
        log.info("event=keyring_taken ring=%s", ring.id)

    def _changed(self) -> None:
        if self._connection.connected and self._asking is None:
            self._asking = asyncio.create_task(self._ask_again(), name="ask for the keyring")

    async def _ask_again(self) -> None:
        try:
            await self.ask()
        except (Unavailable, NotAuthentic) as error:
            # the next change, or the next key that is not known here, asks again
            log.warning("event=keyring_not_asked reason=%s", error)
        finally:
            self._asking = None
