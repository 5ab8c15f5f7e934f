"""The relay passes everything in both directions, and an end of one side is an end of the other; it can be cut."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from benchmarks.chaos.relay import Door
from benchmarks.chaos.site import free_port
from benchmarks.nexus import ROOT


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65_536):
        writer.write(piece)
        await writer.drain()
    writer.close()


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def _relayed(target: int) -> tuple[asyncio.Server, int]:
    server = await asyncio.get_running_loop().create_server(lambda: Door("127.0.0.1", target), "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


async def test_more_than_any_buffer_holds_comes_back_whole(echo: int) -> None:
    server, port = await _relayed(echo)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent = os.urandom(8 * 1024 * 1024)
    writer.write(sent)
    assert await asyncio.wait_for(reader.readexactly(len(sent)), 20) == sent
    writer.close()
    server.close()


async def test_the_end_of_either_side_is_the_end_of_the_other() -> None:
    closed = asyncio.Event()

    async def one_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readline():
            writer.close()
        else:
            closed.set()

    target = await asyncio.start_server(one_line, "127.0.0.1", 0)
    server, port = await _relayed(target.sockets[0].getsockname()[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"end\n")
    assert await asyncio.wait_for(reader.read(), 10) == b""
    _, again = await asyncio.open_connection("127.0.0.1", port)
    again.close()
    await asyncio.wait_for(closed.wait(), 10)
    target.close()
    with pytest.raises(ConnectionError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        if not await asyncio.wait_for(reader.read(), 10):
            raise ConnectionResetError
    server.close()


async def test_stopped_nothing_passes_and_nothing_is_lost_killed_everything_ends(echo: int) -> None:
    port = free_port()
    words = ["-m", "benchmarks.chaos.relay", "--port", str(port), "--to", f"127.0.0.1:{echo}"]
    process = await asyncio.create_subprocess_exec(sys.executable, *words, cwd=ROOT)
    try:
        reader, writer = await _connected(port)
        writer.write(b"a")
        assert await asyncio.wait_for(reader.readexactly(1), 10) == b"a"
        process.send_signal(signal.SIGSTOP)
        writer.write(b"b")
        late, beside = await asyncio.open_connection("127.0.0.1", port)
        beside.write(b"c")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)
        process.send_signal(signal.SIGCONT)
        assert await asyncio.wait_for(reader.readexactly(1), 10) == b"b"
        assert await asyncio.wait_for(late.readexactly(1), 10) == b"c"
        process.kill()
        await process.wait()
        assert await asyncio.wait_for(reader.read(), 10) == b""
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(20):
        while True:
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)
