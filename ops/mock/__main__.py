"""The command ``python -m ops.mock``: arguments, signals and the announcement of the port; nothing of the protocol."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from ops.mock.server import MockProvider


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command, for whoever builds the parser."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=3062, help="port, 0 for any free one (default 3062)")
    parser.add_argument("--port-file", type=Path, help="write the bound port here once it serves")
    parser.add_argument("--ledger", type=Path, help="append one JSON line per chat request before it is answered")
    parser.add_argument("--ledger-fsync", action="store_true", help="fsync the ledger before answering")
    parser.add_argument("--seed", type=int, default=0, help="decides which requests an error rate hits (default 0)")
    parser.add_argument("--aws-secret", default="", help="secret key that signed requests must be signed with")
    parser.add_argument("--replay", type=Path, metavar="DIR", help="answer only what is recorded in this folder")
    parser.add_argument("--output", choices=("text", "json"), default="text", help="form of the first line printed")


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status. 1: the port or a file could not be had."""
    try:
        uvloop.run(_serve(arguments))
    except ValueError as problem:
        print(f"mock-provider: cannot start: {problem}", file=sys.stderr)
        return 1
    except OSError as problem:
        print(f"mock-provider: cannot start: {problem}; choose another --port, or 0 for any", file=sys.stderr)
        return 1
    return 0


async def _serve(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    mock = MockProvider(
        ledger=arguments.ledger,
        ledger_fsync=arguments.ledger_fsync,
        keep=0,
        seed=arguments.seed,
        aws_secret=arguments.aws_secret,
        replay=arguments.replay,
    )
    await mock.start(arguments.host, arguments.port)
    try:
        if arguments.port_file is not None:
            _publish(arguments.port_file, mock.port)
        if arguments.output == "json":
            line = json.dumps({"url": mock.url, "host": arguments.host, "port": mock.port, "pid": os.getpid()})
        else:
            line = f"mock-provider ready url={mock.url}"
        print(line, flush=True)
        await stop.wait()
    finally:
        await mock.stop()


def _publish(path: Path, port: int) -> None:
    """Write the port so that a reader sees all of it or nothing."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(f"{port}\n")
    beside.replace(path)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse ``argv`` and serve."""
    parser = argparse.ArgumentParser(prog="nexus mock-provider", description=__doc__)
    add_arguments(parser)
    return run(parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
