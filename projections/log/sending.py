"""Sends a writer's segments in their order, and what has to go before them: a sign of life after a silence, what a dead
process left in files. What is sent, and when, is for the writer to say."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from projections.log.api import get_message
from projections.log.backlog import Backlog, Formed
from projections.log.connection import LogConnection
from projections.log.delivery import Delivery, Silenced, Taken
from projections.log.fence import closed_meanwhile, for_certain, is_of, look_up
from schemas.codec import decode_written, segment_hash
from schemas.ids import Clock

_log = logging.getLogger(__name__)

_LATE_S = 1.0


class Collision(Exception):
    """Two writers use one name and boot."""


class Sending:
    """Joins backlog and delivery."""

    def __init__(
        self,
        connection: LogConnection,
        clock: Clock,
        stream: str,
        backlog: Backlog,
        delivery: Delivery,
        sign_of_life: Callable[[], bytes],
    ) -> None:
        """
        Args:
            sign_of_life: a fact, encoded, that says no more than that the writer lives.
        """
        self._connection = connection
        self._clock = clock
        self._stream = stream
        self._backlog = backlog
        self._delivery = delivery
        self._sign_of_life = sign_of_life

    async def send(self, segment: Formed) -> Formed | None:
        """Returns what is stored once nothing is in doubt, as a rule the segment whose turn it is; None when something
        else has its turn first.

        Raises:
            Collision: it cannot be stored.
            OSError: its bytes cannot be read from the spool.
        """
        chain, backlog = segment.chain, self._backlog
        try:
            sequence = await self._deliver(segment)
        except Silenced:
            # who closes the requests of dead writers has to read this first; nobody counted for a dead one
            backlog.announce(segment, [] if chain.left else [self._sign_of_life()])
            return None
        except Taken as taken:
            stored = await self._stored_before(segment, taken.sequence)
            if stored is None:
                return None
            segment, sequence = stored, taken.sequence
        if not segment.acknowledged:
            backlog.acknowledged(sequence)
        if segment.herald or chain.doubtful:
            await self._learn(segment, sequence)
        return segment

    async def _deliver(self, segment: Formed) -> int:
        chain, payload = segment.chain, segment.payload
        if payload is None:
            assert segment.file is not None, "bytes are in memory or in a file"
            payload = await asyncio.to_thread(segment.file.read, segment.offset, segment.length)
        if chain.left:
            written = decode_written(payload)
            if chain.found is None:
                await for_certain(self._stream, lambda: look_up(self._connection, self._stream, chain, written))
            if sequence := chain.stored(written):
                segment.hash = b""  # what stands there need not be what it became here
                return sequence
        if chain.anew:
            payload = self._backlog.follow(segment, payload)
        return await self._delivery.deliver(segment, payload)

    async def _stored_before(self, segment: Formed, sequence: int) -> Formed | None:
        """What stands there under the id of a segment, if that is this one or what it goes before; else it may be sent
        once more.

        Raises:
            Collision: another of the same chain does.
        """
        backlog, chain, log, stream = self._backlog, segment.chain, self._connection, self._stream
        there = await for_certain(stream, lambda: get_message(log, stream, sequence=sequence))
        payload = b"" if there is None else there.payload
        hash_there = segment_hash(payload)
        if hash_there == segment.hash:
            # one of the tries before this, so nothing is known of the time since the first
            chain.stands_at(sequence, self._delivery.silent(chain))
            chain.heard = max(chain.heard, segment.first_sent)
            return segment
        if not is_of(chain, payload):
            # who took the writer for dead: what of its requests is closed now stays so
            _log.warning("the place of a segment was taken stream=%s msg_id=%s", stream, segment.msg_id)
            chain.took(segment.number)
            segment.attempts = 0
            # more may have been closed after that, under other ids: a sign of life first, then all of it is learned
            chain.heard = float("-inf")
            chain.doubtful = chain.anew = True
        elif chain.left:
            _log.warning("a former process's segment came late stream=%s msg_id=%s", stream, segment.msg_id)
            backlog.herald, chain.found, segment.hash = None, None, b""
            await asyncio.sleep(_LATE_S)
        elif segment.herald and backlog.pending[0].hash == hash_there:
            # what waits had been sent before the silence, and has arrived after it was looked for
            backlog.herald = None
            chain.stands_at(sequence, silent=True)
            return backlog.pending[0]
        else:
            raise Collision(f"{segment.msg_id} is taken: another process uses this writer name and boot")
        return None

    async def _learn(self, segment: Formed, through: int) -> None:
        """Finds out which requests were closed while nothing was heard of the writer, so as not to end them again."""
        log, stream, chain, now_us = self._connection, self._stream, segment.chain, self._clock.now_us()
        ended = await for_certain(stream, lambda: closed_meanwhile(log, stream, chain, through, now_us))
        chain.cleared(through)
        if ended:
            self._backlog.end_no_more(chain, ended)
            _log.warning("requests were closed in silence stream=%s boot=%s closed=%d", stream, chain.boot, len(ended))
