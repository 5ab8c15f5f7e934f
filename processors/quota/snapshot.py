"""The fold of LEDGER in a file, so that a start need not read all of the past. Lost or wrong, it only costs time."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from pathlib import Path

import msgspec

from processors.quota.ledger import Ledger
from processors.stopping import pause

log = logging.getLogger(__name__)

FORMAT = 2
FILE = "quota.snapshot"
EVERY_S = 300.0
WORTH = 1_000
"""Messages of LEDGER since the last snapshot that make another one worth while."""


class _Snapshot(msgspec.Struct, array_like=True):
    format: int
    log: str
    """The incarnation of LEDGER."""
    ledger: Ledger


def encode(ledger: Ledger, log: str) -> bytes:
    """SHA-256 of what follows, and the fold."""
    body = msgspec.msgpack.encode(_Snapshot(FORMAT, log, ledger))
    return hashlib.sha256(body).digest() + body


def decode(data: bytes, log: str, last: int) -> Ledger | None:
    """The fold; None when the bytes are damaged, of another version, of another log, or from its future.

    Args:
        last: sequence of the newest message of LEDGER.
    """
    body = data[32:]
    if hashlib.sha256(body).digest() != data[:32]:
        return None
    try:
        found = msgspec.msgpack.decode(body, type=_Snapshot)
    except msgspec.MsgspecError:
        return None
    usable = found.format == FORMAT and found.log == log and found.ledger.sequence <= last
    return found.ledger if usable else None


def load(directory: Path, incarnation: str, last: int) -> Ledger:
    """What the file holds, or an empty fold."""
    try:
        data = (directory / FILE).read_bytes()
    except FileNotFoundError:
        return Ledger()
    except OSError as error:
        log.warning("event=snapshot_unreadable error=%s", error.strerror)
        return Ledger()
    found = decode(data, incarnation, last)
    if found is None:
        log.warning("event=snapshot_ignored")
        return Ledger()
    log.info("event=snapshot_loaded position=LEDGER:%d", found.sequence)
    return found


def save(directory: Path, data: bytes) -> None:
    """Replaces the file as a whole; a full disk is no reason to stop."""
    draft = directory / f"{FILE}.{os.getpid()}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(data)
        draft.replace(directory / FILE)
    except OSError as error:
        log.warning("event=snapshot_not_saved error=%s", error.strerror)


async def keep(ledger: Ledger, directory: Path, incarnation: str, stop: asyncio.Event) -> None:
    """Saves now and then while enough is new, and once more at the end."""
    saved = ledger.sequence
    while not stop.is_set():
        await pause(stop, EVERY_S)
        if ledger.sequence - saved >= WORTH:
            saved = ledger.sequence
            # encoded here, between two changes of the fold; written elsewhere
            await asyncio.to_thread(save, directory, encode(ledger, incarnation))
