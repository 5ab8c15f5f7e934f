"""The way of a message that can never be applied: to DEAD, with its bytes, the reason and where it came from."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from projections.log.api import publish
from projections.log.connection import LogConnection
from projections.log.dead import CONSUMER, REASON, SEQUENCE, STREAM, SUBJECT, TIME
from projections.log.reader import Message
from schemas import subjects
from schemas.errors import Unavailable

log = logging.getLogger(__name__)

IN_A_ROW = 20
"""So many messages given up with none applied between are no poison any more: either this version cannot read what
another writes, or something is broken here."""
ONE_IN_S = 60.0
"""From then on, one in so long: DEAD does not fill up while somebody mends that, and real rubbish comes to an end."""
_LONGEST_REASON = 500


class Restraint:
    """How many messages a worker has given up in a row, and whether it may give up another one."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.in_a_row = 0
        self._monotonic = monotonic
        self._last = 0.0

    def applied(self) -> None:
        self.in_a_row = 0

    def gave_up(self) -> None:
        self.in_a_row += 1
        self._last = self._monotonic()

    def wait_s(self) -> float:
        """Seconds until another one may be given up; 0 for now."""
        if self.in_a_row < IN_A_ROW:
            return 0.0
        return max(0.0, self._last + ONE_IN_S - self._monotonic())


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
