"""Says on OPS that an operator did something that reaches beyond configuration. Nothing is done here."""

from __future__ import annotations

import getpass

from projections.log.connection import LogConnection
from projections.log.writer import SegmentWriter
from schemas import subjects
from schemas.facts.ops import OperatorActed
from schemas.facts.traffic import SYSTEM
from schemas.ids import Ids, SystemClock

_BYTES = 1024 * 1024


async def record(connection: LogConnection, action: str, detail: str) -> int:
    """Returns the sequence on OPS once the fact is there for good: do the deed afterwards.

    Raises:
        Unavailable: the log does not take it.
    """
    clock = SystemClock()
    ids = Ids(clock)
    writer = SegmentWriter(
        connection,
        clock,
        ids,
        stream="OPS",
        writer="operator",
        boot=ids.new(),
        queue_bytes=_BYTES,
        segment_bytes=_BYTES,
    )
    await writer.start()
    try:
        said = OperatorActed(action, detail)
        fact = writer.new_fact(said, tenant=SYSTEM, actor=_operator(), correlation=ids.new())
        return await writer.append(subjects.ops("operator"), [fact])
    finally:
        await writer.close()


def _operator() -> str:
    """Whoever this process runs for."""
    try:
        return f"operator:{getpass.getuser()}"
    except (KeyError, OSError):
        return "operator"  # an account without a name
