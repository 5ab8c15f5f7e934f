"""A bounded part of a stream, read once."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from projections.log.connection import LogConnection
from projections.log.reader import Message, StreamReader


async def between(connection: LogConnection, stream: str, first: int, last: int, *, subject: str = "") -> list[Message]:
    """The messages from `first` to `last`, both inclusive, that the stream still has.

    Args:
        subject: only messages of this one; empty for all.
    """
    found: list[Message] = []
    async for batch in batches(connection, stream, first, last, subject=subject):
        found += batch
    return found


async def batches(
    connection: LogConnection, stream: str, first: int, last: int, *, subject: str = "", size: int = 500
) -> AsyncGenerator[list[Message], None]:
    """The same in batches of at most `size` messages, for ranges that do not fit into memory."""
    if last < first:
        return
    reader = StreamReader(connection, stream, subjects=(subject,) if subject else (), start=first, batch=size)
    async with aclosing(reader.batches(follow=False, until=last)) as found:
        async for batch in found:
            yield batch
