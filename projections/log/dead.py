"""The stream DEAD: what could not be applied, as its bytes and what was said about them. Nothing is applied here."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import msgspec

from projections.log.api import MESSAGE_NOT_FOUND, ApiError, call
from projections.log.connection import LogConnection
from projections.log.pull import Message

NAME = "DEAD"
REASON, CONSUMER = "Nexus-Reason", "Nexus-Consumer"
STREAM, SEQUENCE, SUBJECT, TIME = "Nexus-Stream", "Nexus-Sequence", "Nexus-Subject", "Nexus-Time"
"""Headers: where the message stands on the log; the time in microseconds since the epoch."""

_ANY = "dead.*"


class DeadLetter(msgspec.Struct, frozen=True):
    """One message that a worker gave up."""

    sequence: int
    """In DEAD."""
    time_us: int
    """When it was given up."""
    consumer: str
    """Durable name of whoever could not apply it."""
    reason: str
    message: Message
    """As it stands on the log; what is not known of it is empty."""


async def letters(connection: LogConnection, first: int = 1, consumer: str = "") -> AsyncIterator[DeadLetter]:
    """What lies in DEAD, the oldest first.

    Args:
        first: sequence in DEAD to begin at.
        consumer: only what this one gave up; empty for all.

    Raises:
        ApiError: the stream does not exist.
        Unavailable: no answer.
    """
    while True:
        found = await _get(connection, {"next_by_subj": _ANY, "seq": max(first, 1)})
        if found is None:
            return
        if not consumer or found.consumer == consumer:
            yield found
        first = found.sequence + 1


async def letter(connection: LogConnection, sequence: int) -> DeadLetter | None:
    """The one at a sequence of DEAD; None when there is none, or no more. Raises as `letters`."""
    return await _get(connection, {"seq": sequence})


async def discard(connection: LogConnection, sequence: int) -> None:
    """Deletes one, its bytes overwritten; that it is gone already is no error. Raises as `letters`."""
    try:
        await call(connection, f"STREAM.MSG.DELETE.{NAME}", {"seq": sequence})
    except ApiError:
        if await letter(connection, sequence) is not None:
            raise


async def _get(connection: LogConnection, which: dict[str, Any]) -> DeadLetter | None:
    try:
        answer = await call(connection, f"STREAM.MSG.GET.{NAME}", which)
    except ApiError as error:
        if error.number == MESSAGE_NOT_FOUND:
            return None
        raise
    stored = answer["message"]
    headers = _headers(stored.get("hdrs", ""))
    payload = base64.b64decode(stored.get("data", ""))
    place, moment = headers.get(SEQUENCE, ""), headers.get(TIME, "")
    message = Message(
        headers.get(STREAM, ""),
        int(place) if place.isdecimal() else 0,
        headers.get(SUBJECT, ""),
        payload,
        int(moment) if moment.isdecimal() else 0,
        "",
    )
    given_up = datetime.fromisoformat(stored["time"])
    time_us = int(given_up.timestamp()) * 1_000_000 + given_up.microsecond
    return DeadLetter(int(stored["seq"]), time_us, headers.get(CONSUMER, ""), headers.get(REASON, ""), message)


def _headers(encoded: str) -> dict[str, str]:
    """Of a stored message: `NATS/1.0`, then one `Name: value` a line (ADR-4 of NATS)."""
    lines = base64.b64decode(encoded).decode("utf-8", "replace").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs if name.strip()}
