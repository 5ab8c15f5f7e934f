"""`python -m benchmarks.chaos.relay`: passes bytes between a gateway and the log, so that the way can be cut alone.

Whoever wants it cut stops the process (connections stay open, new ones are taken by the kernel, nothing passes) or
kills it (connections end, new ones are refused). It knows nothing of what passes.
"""

from __future__ import annotations

import argparse
import asyncio
import sys


class End(asyncio.Protocol):
    """One of the two ends of a way; what comes in here goes out at the other."""

    def __init__(self) -> None:
        self.other: End | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()


class Door(End):
    """The end at which a caller came in; nothing is read of it before the other end is there."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self._target = (host, port)
        self._opening: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        self.transport.pause_reading()
        self._opening = asyncio.create_task(self._open())

    async def _open(self) -> None:
        other = End()
        other.other = self
        try:
            await asyncio.get_running_loop().create_connection(lambda: other, *self._target)
        except OSError:
            if self.transport is not None:
                self.transport.abort()
            return
        self.other = other
        if self.transport is not None:
            self.transport.resume_reading()
        elif other.transport is not None:
            other.transport.close()


async def serve(port: int, host: str, target: int) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Door(host, target), "127.0.0.1", port)
    await server.serve_forever()


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.chaos.relay", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--to", required=True, metavar="HOST:PORT")
    given = parser.parse_args()
    host, _, target = given.to.rpartition(":")
    asyncio.run(serve(given.port, host, int(target)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
