"""`nexus tail`: prints the facts of a stream, a line each, straight from the log."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator

from ops.cli.endpoints import url_of
from ops.cli.log_of import log_at
from ops.cli.moments import moment_us
from ops.cli.output import Output
from ops.cli.summary import summary
from projections.log.connection import LogConnection
from projections.log.reader import Message, StreamReader, last_sequence
from schemas.cloudevents import cloud_event
from schemas.codec import Malformed, decode_segment, fact_view
from schemas.envelope import Fact, Position
from schemas.ids import Clock, SystemClock, iso


def tail(args: argparse.Namespace) -> int:
    """Print what is there, and with `--follow` what comes."""
    asyncio.run(_tail(args, Output(args.output), SystemClock()))
    return 0


async def _tail(args: argparse.Namespace, output: Output, clock: Clock) -> None:
    async with log_at(url_of("nats", args.data), "tail") as connection:
        reader = await _reader(args, connection, clock)
        async for batch in reader.batches(follow=args.follow):
            for message in batch:
                _print(message, args, output)


async def _reader(args: argparse.Namespace, connection: LogConnection, clock: Clock) -> StreamReader:
    if args.since:
        since = moment_us(args.since, "--since", clock.now_us())
        return StreamReader(connection, args.stream, start_time_us=max(since, 1))
    last = await last_sequence(connection, args.stream)
    return StreamReader(connection, args.stream, start=max(last - args.limit + 1, 1))


def _print(message: Message, args: argparse.Namespace, output: Output) -> None:
    position = Position(message.stream, message.sequence)
    try:
        found = list(matching(message, args))
        lines = [(cloud_event(fact, message.subject, position), line_of(fact, position)) for fact in found]
    except Malformed as error:
        output.message(f"{position} cannot be read: {error}; `nexus verify` says more")
        return
    for event, line in lines:
        output.line(event, line)


def matching(message: Message, args: argparse.Namespace) -> Iterator[Fact]:
    """The facts of a message that the filters let pass.

    Raises:
        Malformed: the message is no segment.
    """
    for fact in decode_segment(message.payload).facts:
        wanted = (
            (not args.tenant or fact.tenant == args.tenant)
            and (not args.request or fact.correlation == args.request)
            and (not args.type or fact.type.startswith(args.type))
        )
        if wanted:
            yield fact


def line_of(fact: Fact, position: Position) -> str:
    """Time, position, type, tenant, correlation, summary. Malformed when the data does not fit the type."""
    told = summary(fact.type, fact_view(fact)["data"])
    return (
        f"{iso(fact.time)}  {position!s:<14}  {fact.type:<22}  {fact.tenant:<10}  {fact.correlation}  {told}".rstrip()
    )
