"""Where to begin reading after a start: a checkpoint in OPS, below which no request is open."""

from __future__ import annotations

import logging

from projections.log.api import get_message
from projections.log.connection import LogConnection
from projections.log.reader import last_sequence
from projections.log.writer import SegmentWriter
from schemas import subjects
from schemas.codec import Malformed, decode_segment, open_fact
from schemas.errors import Unavailable
from schemas.facts.ops import ReaderCheckpointed

log = logging.getLogger(__name__)

READER = "reconcile"
SUBJECT = subjects.ops(READER)
EVERY = 5_000
"""Messages between checkpoints: what a start has to read at most, beyond what is open."""


async def start_from(connection: LogConnection) -> int:
    """The first position of TRAFFIC that matters: 1 when no checkpoint says otherwise.

    Raises:
        Unavailable: the log does not answer.
    """
    stored = await get_message(connection, "OPS", last_of=SUBJECT)
    if stored is None:
        return 1
    try:
        found = [open_fact(fact) for fact in decode_segment(stored.payload).facts]
    except Malformed as error:
        log.error("event=checkpoint_unreadable reason=%s", error)
        return 1
    marks = [data.sequence for data in found if isinstance(data, ReaderCheckpointed)]
    # a stream that was begun anew has not come so far yet
    return marks[-1] + 1 if marks and marks[-1] <= await last_sequence(connection, "TRAFFIC") else 1


def needs_one(last: int, needed_from: int) -> bool:
    """Whether a checkpoint before `needed_from` is worth a message."""
    return needed_from - 1 - last >= EVERY


def write(writer: SegmentWriter, sequence: int) -> None:
    """Queues a checkpoint. One that is lost only makes a start longer."""
    data = ReaderCheckpointed(READER, "TRAFFIC", sequence)
    fact = writer.new_fact(data, tenant="system", actor=f"worker:{READER}", correlation=f"TRAFFIC:{sequence}")
    try:
        writer.append(SUBJECT, [fact])
    except Unavailable as error:
        log.warning("event=checkpoint_not_written error=%s", error)
