"""The facts that a part of a stream holds by now, one after the other. For what is small enough to be read whole."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from schemas.codec import decode_segment, open_fact
from schemas.envelope import Fact


async def facts_on(
    connection: LogConnection, stream: str, subject: str
) -> AsyncIterator[tuple[Fact, msgspec.Struct | None]]:
    """Each with what it says, as `open_fact` tells it.

    Raises:
        NotFound: the stream does not exist.
        Malformed: a segment or a fact cannot be read.
    """
    async for batch in StreamReader(connection, stream, subjects=(subject,)).batches(follow=False):
        for message in batch:
            for fact in decode_segment(message.payload).facts:
                yield fact, open_fact(fact)
