"""`nexus dead`: what workers could not apply. Shows it, hands it back to its worker, or deletes it for good."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from ops.cli.exits import FAILED, NOT_FOUND, OK, CommandFailed, Misused
from ops.cli.log_of import on_log
from ops.cli.output import Output, fields
from ops.cli.record import record
from ops.cli.summary import summary
from projections.log.connection import LogConnection
from projections.log.dead import DeadLetter, discard, letter, letters
from schemas import subjects
from schemas.codec import Malformed, decode_segment, fact_view
from schemas.envelope import Position
from schemas.ids import iso
from schemas.redelivery import RetryAnswered, RetryAsked, decode_answered, encode

ANSWER_S = 15.0
COLUMNS = ("dead", "time", "consumer", "position", "bytes", "reason")
DONE_COLUMNS = ("dead", "consumer", "position", "result", "reason")
SHOWN_BYTES = 256
_LINE = 32
_DIGITS = 18
"""Of a sequence; the log's server takes 64 bits."""


def ls(args: argparse.Namespace) -> int:
    """List what lies in DEAD, the oldest first."""
    output = Output(args.output)

    async def work(connection: LogConnection) -> tuple[list[DeadLetter], bool]:
        found: list[DeadLetter] = []
        async for one in letters(connection, consumer=args.consumer):
            if len(found) == args.limit:
                return found, True
            found.append(one)
        return found, False

    found, more = on_log(args.data, "dead", work)
    output.rows([_row(one) for one in found], COLUMNS, "nothing is dead", {"more": more})
    if more:
        output.message("there are more: --limit N")
    return OK


def show(args: argparse.Namespace) -> int:
    """Show one with its bytes, and as facts as far as they can be read."""

    async def work(connection: LogConnection) -> DeadLetter:
        return await _found(connection, args.id)

    found = on_log(args.data, "dead", work)
    if args.bytes is not None:
        _write(args.bytes, found.message.payload)
    told = {**_row(found), **_content(found.message.payload)}
    Output(args.output).result({**told, "payload": found.message.payload.hex()}, _text(told, found))
    return OK


def retry(args: argparse.Namespace) -> int:
    """Hand messages back to the worker that gave them up; those that it applies leave DEAD."""
    return _each(args, _retry, "applied")


def drop(args: argparse.Namespace) -> int:
    """Delete messages for good; who did it stands on OPS."""
    return _each(args, _drop, "dropped")


async def _retry(connection: LogConnection, one: DeadLetter, _: str) -> str:
    """Why it was not applied; empty when it was."""
    answer = await _asked(connection, one)
    if answer.applied:
        await record(connection, "dead retry", _detail(one, ""))
        await discard(connection, one.sequence)
    return "" if answer.applied else answer.reason or "the worker does not say why"


async def _asked(connection: LogConnection, one: DeadLetter) -> RetryAnswered:
    subject, body = subjects.retry_work(one.consumer), encode(RetryAsked(one.sequence))
    try:
        reply = await connection.nc.request(subject, body, timeout=ANSWER_S)
        return decode_answered(reply.data)
    except NoRespondersError:
        return RetryAnswered(False, f"no worker takes {one.consumer or 'it'} back: is it running? see `nexus status`")
    except (NatsError, TimeoutError, OSError):
        return RetryAnswered(
            False, "the worker is busy, or its store is away; the message stays in DEAD, applying it twice does no harm"
        )
    except msgspec.MsgspecError:
        return RetryAnswered(False, "the worker's answer is not understood: is it of another version?")


async def _drop(connection: LogConnection, one: DeadLetter, reason: str) -> str:
    # first the record: nothing may vanish of which nobody knows
    await record(connection, "dead drop", _detail(one, reason))
    await discard(connection, one.sequence)
    return ""


def _each(args: argparse.Namespace, act: Callable[[LogConnection, DeadLetter, str], Awaitable[str]], done: str) -> int:
    output = Output(args.output)
    if bool(args.ids) == args.all:
        raise Misused("name messages as `nexus dead ls` shows them, or say --all, but not both")

    async def work(connection: LogConnection) -> list[dict[str, Any]]:
        if args.all:
            chosen = [one async for one in letters(connection, consumer=args.consumer)]
        else:
            chosen = [await _found(connection, text) for text in dict.fromkeys(args.ids)]
        rows = []
        for one in chosen:
            why = await act(connection, one, getattr(args, "reason", ""))
            rows.append({**_row(one), "result": "kept" if why else done, "reason": why})
        return rows

    rows = on_log(args.data, "dead", work)
    output.rows(rows, DONE_COLUMNS, "nothing is dead")
    return FAILED if any(row["result"] == "kept" for row in rows) else OK


async def _found(connection: LogConnection, text: str) -> DeadLetter:
    number = text.removeprefix("DEAD:")
    if not number.isdecimal() or int(number) == 0:
        raise Misused(f"{text[:40]!r} is no message of DEAD; `nexus dead ls` shows them, such as DEAD:3")
    found = await letter(connection, int(number)) if len(number) <= _DIGITS else None
    if found is None:
        raise CommandFailed(
            f"DEAD:{number[:40]} does not exist, or no more; `nexus dead ls` lists what is there", NOT_FOUND
        )
    return found


def _row(one: DeadLetter) -> dict[str, Any]:
    message = one.message
    return {
        "dead": f"DEAD:{one.sequence}",
        "time": iso(one.time_us),
        "consumer": one.consumer,
        "position": str(Position(message.stream, message.sequence)) if message.stream else "",
        "subject": message.subject,
        "bytes": len(message.payload),
        "sha256": hashlib.sha256(message.payload).hexdigest(),
        "reason": one.reason,
    }


def _content(payload: bytes) -> dict[str, Any]:
    """The segment and its facts; a fact that cannot be read tells why."""
    try:
        segment = decode_segment(payload)
    except Malformed as error:
        return {"segment": None, "unreadable": str(error), "facts": []}
    facts: list[dict[str, Any]] = []
    for fact in segment.facts:
        try:
            facts.append(fact_view(fact))
        except Malformed as error:
            plain = {"id": fact.id, "time_us": fact.time, "type": fact.type, "tenant": fact.tenant}
            facts.append({**plain, "correlation": fact.correlation, "data": None, "unreadable": str(error)})
    return {"segment": f"{segment.writer}/{segment.boot}/{segment.number}", "facts": facts}


def _text(told: dict[str, Any], one: DeadLetter) -> str:
    parts = [fields({name: value for name, value in told.items() if name != "facts"})]
    if told["facts"]:
        lines = []
        for fact in told["facts"]:
            words = fact.get("unreadable") or summary(fact["type"], fact["data"])
            lines.append(f"{iso(fact['time_us'])}  {fact['type']:<22}  {fact['tenant']:<10}  {words}".rstrip())
        parts.append("\n".join(lines))
    else:
        parts.append(_dump(one.message.payload))
    return "\n\n".join(parts)


def _dump(payload: bytes) -> str:
    """The first bytes in hex; `--bytes FILE` has them all."""
    shown = payload[:SHOWN_BYTES]
    lines = [f"{at:08x}  {shown[at : at + _LINE].hex(' ')}" for at in range(0, len(shown), _LINE)]
    if len(payload) > SHOWN_BYTES:
        lines.append(f"and {len(payload) - SHOWN_BYTES:,} bytes more; --bytes FILE writes all of them")
    return "\n".join(lines)


def _detail(one: DeadLetter, reason: str) -> str:
    row = _row(one)
    why = f" because {reason}" if reason else ""
    return f"{row['dead']} of {one.consumer} from {row['position']} sha256 {row['sha256']}{why}"


def _write(path: Path, payload: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(payload)
    except FileExistsError:
        raise CommandFailed(f"{path} exists; name another file") from None
    except OSError as problem:
        raise CommandFailed(f"{path} cannot be written: {problem.strerror}") from None
