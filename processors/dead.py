"""The way of a message that can never be applied: to DEAD, with its bytes, the reason and where it came from."""

from __future__ import annotations

import logging

from projections.log.api import publish
from projections.log.connection import LogConnection
from projections.log.dead import CONSUMER, REASON, SEQUENCE, STREAM, SUBJECT, TIME
from projections.log.reader import Message
from schemas import subjects
from schemas.errors import Unavailable

log = logging.getLogger(__name__)

_LONGEST_REASON = 500


async def bury(connection: LogConnection, consumer: str, message: Message, reason: str) -> None:
    """Stores a message in DEAD; done again, it is stored once (within the duplicate window).

    Raises:
        Unavailable: the log did not confirm.
    """
    said = " ".join(reason.split()).encode("ascii", "replace").decode()[:_LONGEST_REASON]
    headers = {
        "Nats-Msg-Id": f"dead/{consumer}/{message.stream}/{message.sequence}",
        REASON: said,
        STREAM: message.stream,
        SEQUENCE: str(message.sequence),
        SUBJECT: message.subject,
        TIME: str(message.time_us),
        CONSUMER: consumer,
    }
    ack = await publish(connection, subjects.dead(consumer), message.payload, headers)
    if ack.error is not None:
        raise Unavailable(f"DEAD refuses the message: {ack.error.description}", retry_after=1)
    log.error("event=dead consumer=%s place=%s:%d reason=%s", consumer, message.stream, message.sequence, said)
