"""A process that spools and is then killed; started by test_log_spool. Talks by lines on stdin and stdout."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from projections.log.connection import LogConnection
from tests.integration.log_fixture import fact, writer_on


async def main(url: str, directory: Path) -> None:
    connection = await LogConnection.open(url, "child", wait_s=10)
    writer = writer_on(connection, boot="child", spool_dir=directory, spool_after_s=0.1)
    await writer.start()
    await writer.append("traffic.0", [fact("0")], spool=True)
    print("ready", flush=True)
    # from now on the server is gone
    await asyncio.to_thread(sys.stdin.readline)
    # the first one goes the way of all facts until the loss is noticed: its segment is the one of unknown fate
    futures = [writer.append("traffic.0", [fact("1")]), writer.append("traffic.0", [fact("2")], spool=True)]
    await futures[1]
    for n in range(3, 60):
        await writer.append("traffic.0", [fact(str(n))], spool=True)
    print("spooled", flush=True)
    await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
