"""The sealed keyring in its bucket: read, replaced by compare-and-set, and old versions overwritten on the disk."""

from __future__ import annotations

import logging

from projections.log import api
from projections.log.api import ApiError, Stored
from projections.log.connection import LogConnection
from projections.log.reader import Message
from projections.vault.keyring import SealedRing
from schemas.errors import Conflict, Unavailable
from schemas.topology import VAULT

log = logging.getLogger(__name__)

STREAM = f"KV_{VAULT}"
PLACE = f"$KV.{VAULT}.keyring"
"""One token less than the place of any data key."""


async def read_ring(connection: LogConnection) -> tuple[SealedRing | None, int]:
    """What is stored and its sequence; (None, 0) before the first one.

    Raises:
        NotAuthentic: what is there is not readable.
        Unavailable: the log does not answer.
    """
    stored = await api.get_message(connection, STREAM, last_of=PLACE)
    return (None, 0) if stored is None else (SealedRing.decode(stored.payload), stored.sequence)


async def write_ring(connection: LogConnection, record: SealedRing, last: int) -> int:
    """Puts this record in the place of the one at `last`, which cannot be read from the disk afterwards.

    Raises:
        Conflict: another one is there by now.
        Unavailable: not known to be done.
    """
    await forget_older(connection)
    headers = {"Nats-Expected-Last-Subject-Sequence": str(last)}
    payload = record.encode()
    try:
        ack = await api.publish(connection, PLACE, payload, headers)
    except Unavailable:
        stored = await api.get_message(connection, STREAM, last_of=PLACE)
        if stored is None or stored.payload != payload:
            raise
        return stored.sequence
    if ack.error is not None:
        if ack.error.err_code == api.WRONG_LAST_SEQUENCE:
            raise Conflict("the keyring was changed by somebody else at the same time; try again")
        raise Unavailable(f"the key store refused the keyring: {ack.error.description}", retry_after=1)
    await forget_older(connection)
    return ack.seq


async def forget_older(connection: LogConnection) -> bool:
    """Takes all but the last record out, and their bytes off the disk. A killed write leaves one.

    Returns:
        False where the bucket does not let that happen.
    """
    last = await api.get_message(connection, STREAM, last_of=PLACE)
    while last is not None:
        first = await api.get_message(connection, STREAM, next_of=PLACE, sequence=1)
        if first is None or first.sequence >= last.sequence:
            return True
        if not await overwrite(connection, first):
            return False
    return True


async def overwrite(connection: LogConnection, stored: Stored | Message) -> bool:
    """Takes a message of the bucket out and its bytes off the disk; False where the bucket does not let that happen.

    A purge, or a newer message in its place, would do the first only: the bytes stay in the file until the server next
    compacts it. Someone else's having done it counts.
    """
    try:
        await api.call(connection, f"STREAM.MSG.DELETE.{STREAM}", {"seq": stored.sequence})
    except ApiError as error:
        still = await api.get_message(connection, STREAM, sequence=stored.sequence)
        if still is None:
            return True
        # whatever is newer of the same subject stays
        upto = {"filter": stored.subject, "seq": stored.sequence + 1}
        await api.call(connection, f"STREAM.PURGE.{STREAM}", upto)
        log.warning(
            "a key is taken out but not overwritten on the disk, for its bucket was made without leave to delete"
            " reason=%s", error.description,
        )  # fmt: skip
        return False
    return True
