"""One fact on OPS, from whoever says no more than that: it is there for good when this returns."""

from __future__ import annotations

from msgspec import Struct

from projections.log.connection import LogConnection
from projections.log.writer import SegmentWriter
from schemas import subjects
from schemas.facts.traffic import SYSTEM
from schemas.ids import Ids, SystemClock

_BYTES = 1024 * 1024


async def say_once(
    connection: LogConnection,
    said: Struct,
    kind: str,
    *,
    writer: str,
    actor: str,
    correlation: str = "",
    tenant: str = SYSTEM,
) -> int:
    """Returns its sequence.

    Args:
        kind: last token of its subject.
        writer: name of the chain.
        correlation: empty for one of its own.

    Raises:
        Unavailable: the log does not take it.
    """
    clock = SystemClock()
    ids = Ids(clock)
    chain = SegmentWriter(
        connection,
        clock,
        ids,
        stream="OPS",
        writer=writer,
        boot=ids.new(),
        queue_bytes=_BYTES,
        segment_bytes=_BYTES,
    )
    await chain.start()
    try:
        fact = chain.new_fact(said, tenant=tenant, actor=actor, correlation=correlation or ids.new())
        return await chain.append(subjects.ops(kind), [fact])
    finally:
        await chain.close()
