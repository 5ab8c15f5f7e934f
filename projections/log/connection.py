"""One connection to NATS that never gives up, and says how it is. No streams, no messages."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from projections.log.parser import fast_client
from schemas.errors import Unavailable

_log = logging.getLogger(__name__)

PENDING_BYTES = 32 * 1024 * 1024
"""What the client may hold back while a socket is slow: several of the largest segments."""


class LogConnection:
    """A NATS connection shared by the writers and readers of one process.

    It reconnects for ever. Whoever needs to know registers with `listen`; whoever publishes asks `connected` first,
    because the client buffers in silence while it is not.
    """

    def __init__(self, nc: Client) -> None:
        self.nc = nc
        self.js: JetStreamContext = nc.jetstream()
        self.connected_since = 0.0
        """Monotonic time; 0 while there is no connection."""
        self.disconnected_since = time.monotonic()
        """Monotonic time of the last loss, meaningless while connected."""
        self.reconnects = 0
        self.faults = 0
        """Errors that the client reported and survived."""
        self._listeners: list[Callable[[], None]] = []
        self._closing = False

    @classmethod
    async def open(cls, url: str, name: str, *, wait_s: float = 30.0) -> LogConnection:
        """Connects, trying for up to `wait_s` seconds.

        Args:
            url: one or several `nats://` URLs, separated by commas.
            name: shown in the server's monitoring.

        Raises:
            Unavailable: no server answered in time. The text does not repeat the URL, it may hold a password.
        """
        nc = fast_client()
        connection = cls(nc)
        try:
            async with asyncio.timeout(wait_s):
                await nc.connect(
                    servers=url.split(","),
                    name=name,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=0.2,  # type: ignore[arg-type]  # it goes to asyncio.sleep
                    connect_timeout=2,
                    ping_interval=10,
                    max_outstanding_pings=2,
                    pending_size=PENDING_BYTES,
                    flush_timeout=10,
                    error_cb=connection._failed,
                    disconnected_cb=connection._lost,
                    reconnected_cb=connection._back,
                    closed_cb=connection._closed,
                )
        except TimeoutError:
            await nc.close()
            raise Unavailable(
                f"the log cannot be reached: no NATS server answered within {wait_s:g} s; check NEXUS_NATS_URL and "
                "that the server runs",
                retry_after=5,
            ) from None
        connection._up()
        return connection

    @property
    def connected(self) -> bool:
        return self.connected_since > 0 and self.nc.is_connected

    def send(self, subject: str, reply: str, msg_id: str, payload: bytes) -> bool:
        """Writes one message for a stream to the socket at once, past the client's queue and flusher task.

        Only while `connected`: what is lost with a connection is not sent again by the client.

        Returns:
            Whether all of it has been handed to the operating system, so that it survives the death of this process.
        """
        head = f"NATS/1.0\r\nNats-Msg-Id: {msg_id}\r\n\r\n".encode()
        command = f"HPUB {subject} {reply} {len(head)} {len(head) + len(payload)}\r\n".encode()
        transport = self.nc._transport
        transport.write(b"".join((command, head, payload, b"\r\n")))  # type: ignore[union-attr]
        writer = getattr(transport, "_io_writer", None)
        return writer is not None and writer.transport.get_write_buffer_size() == 0

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener` after every loss and every return of the connection; the result removes it again."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def wait_connected(self) -> None:
        """Returns once there is a connection."""
        if self.connected:
            return
        back = asyncio.get_running_loop().create_future()

        def check() -> None:
            if self.connected and not back.done():
                back.set_result(None)

        remove = self.listen(check)
        try:
            await back
        finally:
            remove()

    async def close(self) -> None:
        """Sends what is pending and closes; the listeners are told."""
        if self._closing:
            return
        self._closing = True
        if self.nc.is_connected:
            try:
                await self.nc.flush(timeout=5)
            except (NatsError, OSError, TimeoutError) as error:
                _log.warning("nats close: pending bytes may be lost error=%s", type(error).__name__)
        await self.nc.close()
        self._down()

    def _up(self) -> None:
        self.connected_since = time.monotonic()
        self._tell()

    def _down(self) -> None:
        if self.connected_since > 0:
            self.connected_since = 0.0
            self.disconnected_since = time.monotonic()
        self._tell()

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()

    async def _failed(self, error: Exception) -> None:
        self.faults += 1
        # while a server is away the client reports five refused connections a second
        if self.faults <= 3 or self.faults % 100 == 0:
            _log.warning("nats error=%s faults=%d", type(error).__name__, self.faults)

    async def _lost(self) -> None:
        if not self._closing:
            _log.warning("nats disconnected")
        self._down()

    async def _back(self) -> None:
        self.reconnects += 1
        self.faults = 0
        _log.info("nats reconnected reconnects=%d", self.reconnects)
        self._up()

    async def _closed(self) -> None:
        if not self._closing:
            # the client reconnects for ever, but not when the server refuses it, for its credentials or its behaviour
            _log.critical("nats refused this connection for good, the process must be started again")
        self._down()
