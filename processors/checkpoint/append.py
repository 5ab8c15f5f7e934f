"""Appending to a subject as its only next message, until that is certain."""

from __future__ import annotations

import asyncio
import logging

from projections.log import api
from projections.log.connection import LogConnection
from schemas.errors import Unavailable

log = logging.getLogger(__name__)

_RETRY_S = 0.5


class Overtaken(Exception):
    """Somebody else has written meanwhile; begin again after that."""


async def append_next(
    connection: LogConnection, stream: str, subject: str, payload: bytes, msg_id: str, last: int
) -> int:
    """The sequence of the message, once it is certain that it stands on the log as the only successor.

    Args:
        last: sequence of the newest message of the subject; 0 for none.

    Raises:
        Overtaken: another one stands there.
    """
    headers = {"Nats-Msg-Id": msg_id, "Nats-Expected-Last-Subject-Sequence": str(last)}
    while True:
        try:
            ack = await api.publish(connection, subject, payload, headers)
            if ack.error is None:
                return ack.seq
            if ack.error.err_code == api.WRONG_LAST_SEQUENCE:
                stored = await api.get_message(connection, stream, last_of=subject)
                if stored is None or stored.msg_id != msg_id:
                    raise Overtaken
                return stored.sequence
            log.warning("event=checkpoint_refused subject=%s reason=%s", subject, ack.error.description)
        except Unavailable as error:
            log.info("event=checkpoint_waits subject=%s reason=%s", subject, error)
        await asyncio.sleep(_RETRY_S)
