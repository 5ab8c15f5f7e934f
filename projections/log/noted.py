"""The newest checkpoint that a data directory knows of, in a file beside its signing key: a log that was set back to an
older state as a whole, checkpoints included, does not have it any more."""

from __future__ import annotations

from pathlib import Path

import msgspec

from projections.files import replace
from projections.log.checkpoints import STREAM, checkpoints_in
from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from schemas.checkpoint import SUBJECT
from schemas.facts.ops import CheckpointAnnounced

FILE = "checkpoint.last"
_CLOCKS_US = 7_200_000_000
"""The clock of whoever wrote it and that of the log, each wrong by an hour."""
_decode = msgspec.json.Decoder(CheckpointAnnounced).decode


def noted_in(directory: Path) -> CheckpointAnnounced | None:
    """What the file says; None when there is none.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        return _decode((directory / FILE).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"{directory / FILE} cannot be read ({type(error).__name__})") from None


def note(directory: Path, said: CheckpointAnnounced) -> None:
    """Puts a checkpoint in the place of the one before.

    Raises:
        OSError: it cannot be written.
    """
    replace(directory / FILE, msgspec.json.encode(said))


async def stands(connection: LogConnection, said: CheckpointAnnounced) -> bool:
    """Whether a checkpoint is on the log.

    Raises:
        NotFound: OPS does not exist.
    """
    since_us = max(said.time_us - _CLOCKS_US, 1)
    reader = StreamReader(connection, STREAM, subjects=(SUBJECT,), start_time_us=since_us)
    async for batch in reader.batches(follow=False):
        for made in (one for message in batch for one in checkpoints_in(message.payload)):
            if made is not None and (made.number, made.root) == (said.number, said.root):
                return True
    return False
