"""`python -m benchmarks.chaos.receiver`: a SIEM's receiver with an fsynced ledger of its own; it answers nothing else.

A line a batch: of each event the ids of the fact and the request and its place on the log, the newest event's time,
and when the batch came. The answer leaves when the line is on the disk.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from pathlib import Path

from benchmarks.chaos.ledger import append

REQUESTS = 6003
"""OCSF class of the events that tell of requests; others are taken and not noted."""


async def _batch(reader: asyncio.StreamReader) -> bytes | None:
    """The body of the next request; None when the sender is done."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    if b"content-length" in fields:
        return await reader.readexactly(int(fields[b"content-length"]))
    pieces = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        pieces.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return b"".join(pieces)


async def serve(port: int, port_file: Path, ledger: Path) -> None:
    file = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (body := await _batch(reader)) is not None:
                events = [json.loads(line) for line in body.splitlines()]
                requests = [event for event in events if event["class_uid"] == REQUESTS]
                entry = {
                    "ids": [
                        (told["uid"], told["correlation_uid"], event["unmapped"]["log_sequence"])
                        for event, told in ((event, event["metadata"]) for event in requests)
                    ],
                    "newest_ms": max((event["time"] for event in events), default=0),
                    "at": time.time(),
                }
                append(file, json.dumps(entry).encode() + b"\n")
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            writer.transport.abort()
            return
        writer.close()

    server = await asyncio.start_server(receive, "127.0.0.1", port, limit=4 * 1024 * 1024)
    beside = port_file.with_suffix(".new")
    beside.write_text(str(server.sockets[0].getsockname()[1]))
    beside.replace(port_file)
    await server.serve_forever()


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.chaos.receiver", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--ledger", type=Path, required=True)
    given = parser.parse_args()
    asyncio.run(serve(given.port, given.port_file, given.ledger))
    return 0


if __name__ == "__main__":
    sys.exit(main())
