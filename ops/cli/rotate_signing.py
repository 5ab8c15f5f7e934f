"""`nexus keys rotate-signing`: checkpoints are signed with another key, which the present one announces on the log."""

from __future__ import annotations

import argparse
import asyncio
import os
from typing import Any

from ops.cli.exits import OK, CommandFailed
from ops.cli.log_of import log_at
from ops.cli.output import Output, fields
from ops.cli.rebuild import settings_of
from ops.cli.record import operator, record, tell
from projections.log.checkpoints import last_checkpoint, read_handovers
from projections.vault import BadMasterKey
from projections.vault.signing import FILE, PUBLIC_FILE, Signer, is_signed, put_following
from schemas.envelope import Position
from schemas.ids import Ids, SystemClock
from schemas.settings import Settings
from schemas.signing_keys import SUBJECT, handover, line_of


def rotate_signing(args: argparse.Namespace) -> int:
    """Rotate; when it was interrupted, the same command goes on."""
    output = Output(args.output)
    settings = settings_of(args.data, os.environ)
    if not (settings.data / FILE).exists():
        raise CommandFailed(
            f"there is no {FILE} in {settings.data}: run this where the worker `checkpoint` has its data directory"
        )
    try:
        told = asyncio.run(_rotate(settings))
    except BadMasterKey as problem:
        raise CommandFailed(str(problem)) from None
    except OSError as problem:
        raise CommandFailed(f"{settings.data / FILE} cannot be replaced ({problem.strerror})") from None
    output.result(told, fields(told))
    output.message(
        f"The worker `checkpoint` signs the next one with it. Keep {settings.data / PUBLIC_FILE} where no administrator"
        " of the log can reach it, beside the old one: `verify` and `evidence` follow from either to the other."
    )
    return OK


async def _rotate(settings: Settings) -> dict[str, Any]:
    async with log_at(settings.nats_url, "rotate") as connection:
        old, new = Signer.open(settings.data), Signer.following(settings.data)
        handovers = await read_handovers(connection)
        position = next((at for at, one in handovers if (one.old, one.new) == (old.public_key, new.public_key)), 0)
        resumed = bool(position)
        if not resumed:
            _, made = await last_checkpoint(connection)
            line = line_of(old.public_key, [one for _, one in handovers], is_signed)
            if line.keys[-1] != old.public_key or (made is not None and line.place(made.public_key) < 0):
                raise CommandFailed(
                    f"{FILE} in {settings.data} is not the key that signs this log's checkpoints; nothing was changed"
                )
            await record(connection, "keys rotate-signing", f"{old.public_key.hex()} to {new.public_key.hex()}")
            clock = SystemClock()
            said = handover(old.public_key, new.public_key, clock.now_us(), old.sign, new.sign)
            position = await tell(
                connection, said, SUBJECT.rpartition(".")[2], actor=operator(), correlation=Ids(clock).new()
            )
        put_following(settings.data)
        return {
            "old": old.public_key.hex(),
            "new": new.public_key.hex(),
            "position": str(Position("OPS", position)),
            "resumed": resumed,
        }
