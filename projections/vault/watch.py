"""Follows the bucket of data keys, so that an erasure by any process is in force in this one at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from projections.log.api import ApiError
from projections.log.connection import LogConnection
from projections.log.reader import StreamReader, last_sequence
from schemas.errors import NotFound, Unavailable
from schemas.topology import VAULT

log = logging.getLogger(__name__)

STREAM = f"KV_{VAULT}"
_AGAIN_S = 1.0


async def watch(connection: LogConnection, begin: Callable[[], None], noticed: Callable[[str, bytes], None]) -> None:
    """Runs until it is cancelled.

    Args:
        begin: called whenever following starts from where the bucket is now: what was known before must be forgotten.
        noticed: called with subject and payload of every change after that, in order.
    """
    while True:
        try:
            start = await last_sequence(connection, STREAM) + 1
            begin()
            async for batch in StreamReader(connection, STREAM, start=start).batches():
                for message in batch:
                    noticed(message.subject, message.payload)
        except (Unavailable, NotFound, ApiError) as error:
            # until it is followed again, keys are looked up anew after their time of trust
            log.warning("the bucket of data keys is not followed reason=%s", error)
        await asyncio.sleep(_AGAIN_S)
