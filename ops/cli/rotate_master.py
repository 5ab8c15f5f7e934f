"""`nexus keys rotate-master`: another master key in the place of the present one, while everything serves."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import Any

import msgspec

from ops.cli.exits import OK, CommandFailed
from ops.cli.log_of import log_at
from ops.cli.output import Output, fields
from ops.cli.rebuild import settings_of
from ops.cli.record import operator, record, tell
from ops.progress import Progress
from projections.live.past import past
from projections.log import api
from projections.log.connection import LogConnection
from projections.vault import BadMasterKey, keyring, master
from projections.vault.keyring import SealedRing
from projections.vault.ring_store import read_ring
from projections.vault.rotation import Rotated, Rotator
from schemas import subjects
from schemas.codec import decode_segment
from schemas.facts.ops import MasterKeyRotated
from schemas.ids import Ids, SystemClock
from schemas.settings import Settings

KIND = "keys"
"""Last token of the subject of these facts."""
_DERIVED = 8
"""Digits in the name of a key that followed from a master key, as in earlier releases; names of today have 16."""


def rotate_master(args: argparse.Namespace) -> int:
    """Rotate; when it was interrupted, the same command goes on."""
    output = Output(args.output)
    progress = Progress(sys.stderr)
    settings = settings_of(args.data, os.environ)
    try:
        done, exposed = asyncio.run(_rotate(args, settings, progress))
    except BadMasterKey as problem:
        raise CommandFailed(str(problem)) from None
    progress.done()
    told: dict[str, Any] = {**msgspec.to_builtins(done), "replace_at_provider": exposed}
    output.result(told, fields({**told, "replace_at_provider": ", ".join(exposed)}))
    if settings.master_key:
        output.message("Set NEXUS_MASTER_KEY to the new key wherever it is set, before the next start of any process.")
    if not done.overwritten:
        output.message(
            "The bucket of keys was made by an earlier release without leave to overwrite: the old records are gone "
            "from it, but their bytes stay on the disk until the server compacts its files."
        )
    if exposed:
        output.message(
            "These secrets stand on the log as an earlier release sealed them, and the log never forgets: whoever has "
            "the first master key and a copy of the log can read them. Give them new values at their providers."
        )
    return OK


async def _rotate(args: argparse.Namespace, settings: Settings, progress: Progress) -> tuple[Rotated, list[str]]:
    def show(done: int, total: int) -> None:
        progress.bar(done, total, "data keys", rate="keys")

    async with log_at(settings.nats_url, "rotate") as connection:
        stored, _ = await read_ring(connection)
        old, new = _keys(args, settings, stored)
        names = f"{keyring.master_id(old) if old else 'begun before'} to {keyring.master_id(new)}"
        await record(connection, "keys rotate-master", names)
        clock = SystemClock()

        def stand_in() -> None:
            if not settings.master_key:
                master.replace(settings.data, new)

        async def say(done: Rotated) -> None:
            if not await _told(connection, done.rotation):
                fact = MasterKeyRotated(done.old, done.new, done.rewrapped, done.left, done.overwritten)
                await tell(connection, fact, KIND, actor=done.actor, correlation=done.rotation)

        rotator = Rotator(connection, clock, Ids(clock), show)
        done = await rotator.rotate(old, new, operator(), stand_in=stand_in, say=say)
        return done, await _exposed(connection)


def _keys(args: argparse.Namespace, settings: Settings, stored: SealedRing | None) -> tuple[bytes | None, bytes]:
    """(the present key, if it is here; the new one, which is made where it may be)."""
    path = settings.data / master.FILE
    present = None
    if settings.master_key:
        present = master.parse(settings.master_key)
    elif path.exists():
        present = master.read(path)
    if args.new_key_file is not None:
        return present, master.read(args.new_key_file)
    begun = stored.rotation if stored is not None else None
    if begun is not None and present is not None and keyring.master_id(present) == begun.new:
        # an earlier run got as far as to put the new key in the place of the old one
        return None, present
    if settings.master_key:
        raise CommandFailed(
            "the master key comes from NEXUS_MASTER_KEY, which this command cannot change: make the new one with "
            "`openssl rand -hex 32 > FILE && chmod 600 FILE`, and name it with --new-key-file FILE"
        )
    following = settings.data / master.NEXT
    if begun is not None and not following.exists():
        raise CommandFailed(
            f"a rotation to master key {begun.new} was begun with --new-key-file: name that file again, or another "
            "new key to begin anew"
        )
    return present, master.from_file(settings.data, master.NEXT)


async def _told(connection: LogConnection, rotation: str) -> bool:
    last = await api.get_message(connection, "OPS", last_of=subjects.ops(KIND))
    return last is not None and any(fact.correlation == rotation for fact in decode_segment(last.payload).facts)


async def _exposed(connection: LogConnection) -> list[str]:
    """Secrets in force that are sealed under what followed from the first master key itself."""
    configuration = await past(connection)
    found = []
    for aggregate, field in (("credential", "sealed"), ("siem-target", "token")):
        for entry in configuration.entries(aggregate, ""):
            sealed = getattr(entry.state, field, None)
            if sealed is not None and len(sealed.key) == _DERIVED:
                found.append(f"{aggregate} {entry.tenant}/{entry.id}")
    return sorted(found)
