"""Keeps deliveries coming: the durable consumer exists, and somebody pulls from it. What it delivers are bells."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from nats.errors import Error as NatsError

from processors.bells import Bells
from processors.feed import Feed
from projections.log.api import CONSUMER_NOT_FOUND, STREAM_NOT_FOUND, ApiError, call
from projections.log.connection import LogConnection
from projections.log.topology import apply
from schemas.settings import Settings
from schemas.topology import Topology

log = logging.getLogger(__name__)

_STUCK_CHECKS = 3
"""So many checks in a row the consumer had something and nothing arrived: the pulling starts anew."""


class Supply:
    """The durable consumer of one door and the feed that pulls from it."""

    def __init__(
        self,
        settings: Settings,
        connection: LogConnection,
        topology: Topology,
        stream: str,
        durable: str,
        subject: str,
        applied: Callable[[], int],
    ) -> None:
        """
        Args:
            subject: what the durable filters by; empty for all of the stream.
            applied: the sequence up to which deliveries may be acknowledged.
        """
        self._settings = settings
        self._connection = connection
        self._topology = topology
        self._stream = stream
        self._durable = durable
        self._subject = subject
        self.bells = Bells(applied, self._say)
        self._feed: Feed | None = None
        self._silent = 0
        self._heard = 0

    async def check(self) -> None:
        """Makes what is missing.

        Raises:
            ApiError, Unavailable: the server refuses, or does not answer.
        """
        try:
            info = await call(self._connection, f"CONSUMER.INFO.{self._stream}.{self._durable}")
        except ApiError as error:
            if error.number not in (CONSUMER_NOT_FOUND, STREAM_NOT_FOUND):
                raise
            await self._declare()
            info = {"num_pending": 0}
        silent = info["num_pending"] > 0 and self.bells.heard == self._heard
        self._silent, self._heard = self._silent + 1 if silent else 0, self.bells.heard
        if self._feed is not None and self._silent >= _STUCK_CHECKS:
            log.warning("event=feed_stuck consumer=%s pending=%d", self._durable, info["num_pending"])
            await self.close()
        if self._feed is None:
            await self._start()

    async def close(self) -> None:
        """Stops pulling."""
        feed, self._feed = self._feed, None
        if feed is not None:
            await feed.stop()

    def _say(self, replies: Sequence[str], word: bytes) -> None:
        if self._feed is not None:
            self._feed.say(replies, word)

    async def _declare(self) -> None:
        settings = self._settings
        done = await apply(self._connection, self._topology, replicas=settings.replicas, partitions=settings.partitions)
        log.warning("event=durable_missing consumer=%s done=%s", self._durable, "; ".join(done) or "nothing")

    async def _start(self) -> None:
        self._silent = 0
        self.bells.clear()
        feed = Feed(
            self._settings.nats_url,
            stream=self._stream,
            durable=self._durable,
            subject=self._subject or self._any_subject(),
            deliver=self.bells.ring,
        )
        try:
            await feed.start()
        except (NatsError, OSError, TimeoutError) as error:
            log.warning("event=feed_failed consumer=%s error=%s", self._durable, type(error).__name__)
            return
        self._feed = feed

    def _any_subject(self) -> str:
        return next(stream.subjects[0] for stream in self._topology.streams if stream.name == self._stream)
