"""The process that forwards to SIEMs: configuration in, targets out."""

from __future__ import annotations

import asyncio
import logging

from processors.retries import Retries
from processors.shared import Shared
from processors.siem.forward import LEAVE_S
from processors.siem.targets import Targets
from projections.log.connection import LogConnection
from projections.log.ending import end
from projections.vault import open_vault
from schemas.settings import Settings

log = logging.getLogger(__name__)

_INSTEAD = "mend the cause, then `nexus replay --from P --to P --into siem:NAME --resend`, or drop the message"


async def run(settings: Settings, stop: asyncio.Event, shared: Shared | None = None) -> None:
    """Forwards until `stop` is set.

    Raises:
        BadMasterKey: the vault cannot be opened.
        Unavailable: the log did not answer at the start.
    """
    connection = await LogConnection.open(settings.nats_url, "siem")
    own = Shared("", connection)
    common = shared or own
    try:
        vault = await open_vault(settings, connection)
        # every target is at another place: what one missed is sent to it by name
        retries = Retries(connection, "siem", None, instead=_INSTEAD)
        await retries.open()
        targets = Targets(connection, vault, settings.data / "siem", common.tails)
        try:
            live = await common.configuration(targets.changed)
            work = asyncio.create_task(targets.run(live, stop), name="siem targets")
            following = live.task
            try:
                await asyncio.wait({work, following} if following else {work}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await end({work}, again_s=4 * LEAVE_S)  # still at work when it is not stop that ended the wait
            if not work.cancelled():
                work.result()
            if following is not None and following.done():
                following.result()
        finally:
            common.deaf(targets.changed)
            await retries.close()
    finally:
        await own.close()
        await connection.close()
