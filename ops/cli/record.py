"""Says on OPS that an operator did something that reaches beyond configuration. Nothing is done here."""

from __future__ import annotations

import getpass

from msgspec import Struct

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
    correlation = Ids(SystemClock()).new()
    return await tell(connection, OperatorActed(action, detail), "operator", actor=operator(), correlation=correlation)


async def tell(
    connection: LogConnection, said: Struct, kind: str, *, actor: str, correlation: str, tenant: str = SYSTEM
) -> int:
    """The same for a fact of OPS that says more.

    Args:
        kind: last token of its subject.

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
        fact = writer.new_fact(said, tenant=tenant, actor=actor, correlation=correlation)
        return await writer.append(subjects.ops(kind), [fact])
    finally:
        await writer.close()


def operator() -> str:
    """Whoever this process runs for."""
    try:
        return f"operator:{getpass.getuser()}"
    except (KeyError, OSError):
        return "operator"  # an account without a name
