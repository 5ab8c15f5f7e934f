"""LEDGER as the worker needs it: read on from a place, and append after a place or not at all."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from typing import Protocol

from projections.log import api
from projections.log.connection import LogConnection
from projections.log.reader import Message, StreamReader
from schemas import subjects
from schemas.errors import Unavailable

log = logging.getLogger(__name__)

STREAM = "LEDGER"


class LedgerLog(Protocol):
    """What the worker is written against."""

    async def append(self, tenant: str, payload: bytes, *, expected: int, msg_id: str) -> int | None:
        """Appends to a tenant's ledger if its last message is `expected` (0: none).

        Returns:
            The sequence of the message; None if another message is last.

        Raises:
            Unavailable: no answer; whether it is stored is unknown.
        """
        ...

    def read(self, after: int) -> AsyncGenerator[list[Message], None]:
        """Everything after a sequence, up to the newest there is now."""
        ...

    def past(self, tenant: str) -> AsyncGenerator[list[Message], None]:
        """Everything of one tenant's, up to the newest there is now."""
        ...


class StreamLedgerLog:
    """The real one."""

    def __init__(self, connection: LogConnection) -> None:
        self._connection = connection

    async def append(self, tenant: str, payload: bytes, *, expected: int, msg_id: str) -> int | None:
        headers = {"Nats-Msg-Id": msg_id, "Nats-Expected-Last-Subject-Sequence": str(expected)}
        ack = await api.publish(self._connection, subjects.ledger(tenant), payload, headers)
        if ack.error is None:
            return ack.seq
        if ack.error.err_code == api.WRONG_LAST_SEQUENCE:
            return None
        raise Unavailable(f"the ledger takes nothing at the moment: {ack.error.description}", retry_after=1)

    def read(self, after: int) -> AsyncGenerator[list[Message], None]:
        return StreamReader(self._connection, STREAM, start=after + 1).batches(follow=False)

    def past(self, tenant: str) -> AsyncGenerator[list[Message], None]:
        return StreamReader(self._connection, STREAM, subjects=(subjects.ledger(tenant),)).batches(follow=False)
