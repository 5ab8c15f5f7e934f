"""What this worker has said already, so that it says nothing twice after a crash."""

from __future__ import annotations

from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from schemas import subjects
from schemas.codec import Malformed, decode_segment, open_fact
from schemas.facts.traffic import RequestScreened

WORKER = "compliance"
Said = tuple[str, str]
"""Request and stage."""


async def reported_since(connection: LogConnection, time_us: int) -> set[Said]:
    """The screenings that stand on DECISIONS since a time, which are all those of messages stored since then."""
    said: set[Said] = set()
    reader = StreamReader(
        connection, "DECISIONS", subjects=(subjects.decisions_of(WORKER),), start_time_us=max(time_us, 1)
    )
    async for batch in reader.batches(follow=False):
        for message in batch:
            try:
                facts = decode_segment(message.payload).facts
                opened = [(fact.correlation, open_fact(fact)) for fact in facts]
            except Malformed:
                continue
            said.update((request, data.stage) for request, data in opened if isinstance(data, RequestScreened))
    return said
