"""Requests to the JetStream API (ADR-1 of NATS): JSON out, JSON in, errors by number. No state."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from projections.log.connection import LogConnection
from schemas.errors import Unavailable

STREAM_NOT_FOUND = 10059
CONSUMER_NOT_FOUND = 10014
MESSAGE_NOT_FOUND = 10037
STREAM_NAME_IN_USE = 10058
WRONG_LAST_SEQUENCE = 10071


class ApiError(Exception):
    """JetStream understood the request and refused it."""

    def __init__(self, code: int, number: int, description: str) -> None:
        super().__init__(f"JetStream refused: {description} ({number})")
        self.code = code
        """In the manner of HTTP."""
        self.number = number
        """`err_code` of the server."""
        self.description = description


class _Error(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class Ack(msgspec.Struct):
    """What a stream answers to a message (PubAck)."""

    stream: str = ""
    seq: int = 0
    duplicate: bool = False
    error: _Error | None = None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
ack_decoder = msgspec.json.Decoder(Ack)


class _Stored(msgspec.Struct):
    seq: int
    subject: str
    data: str = ""
    hdrs: str = ""
    time: str = ""


class _Answer(msgspec.Struct):
    message: _Stored | None = None
    error: _Error | None = None


class Stored(msgspec.Struct, frozen=True):
    """A message as the stream keeps it."""

    sequence: int
    subject: str
    payload: bytes
    msg_id: str
    time: str
    """When it was stored, as RFC 3339 has it."""

    @property
    def time_us(self) -> int:
        """The same in microseconds since the epoch."""
        return (datetime.fromisoformat(self.time) - _EPOCH) // _MICROSECOND


async def call(
    connection: LogConnection, subject: str, body: dict[str, Any] | None = None, wait_s: float = 5.0
) -> dict[str, Any]:
    """Sends one API request; `subject` without `$JS.API.`.

    Raises:
        ApiError: the server refused.
        Unavailable: no answer, or no JetStream to give one.
    """
    answer: dict[str, Any] = msgspec.json.decode(await _ask(connection, subject, body, wait_s))
    if "error" in answer:
        error = answer["error"]
        raise ApiError(error.get("code", 0), error.get("err_code", 0), error.get("description", ""))
    return answer


async def get_message(
    connection: LogConnection,
    stream: str,
    *,
    last_of: str | None = None,
    next_of: str | None = None,
    sequence: int = 0,
    wait_s: float = 5.0,
) -> Stored | None:
    """One message from the stream's leader: never stale, unlike a direct get. None when there is none.

    Args:
        last_of: the newest of this subject.
        next_of: the first of this subject at or after `sequence`; with neither, the message at `sequence`.

    Raises:
        ApiError: the server refused, other than by "no message found".
        Unavailable: no answer.
    """
    body: dict[str, Any]
    if last_of is not None:
        body = {"last_by_subj": last_of}
    elif next_of is not None:
        body = {"next_by_subj": next_of, "seq": max(sequence, 1)}
    else:
        body = {"seq": sequence}
    raw = await _ask(connection, f"STREAM.MSG.GET.{stream}", body, wait_s)
    answer = msgspec.json.decode(raw, type=_Answer)
    if answer.error is not None:
        if answer.error.err_code == MESSAGE_NOT_FOUND:
            return None
        raise ApiError(answer.error.code, answer.error.err_code, answer.error.description)
    assert answer.message is not None, "an answer without an error holds a message"
    stored = answer.message
    return Stored(stored.seq, stored.subject, base64.b64decode(stored.data), _msg_id(stored.hdrs), stored.time)


async def publish(
    connection: LogConnection, subject: str, payload: bytes, headers: dict[str, str], wait_s: float = 5.0
) -> Ack:
    """Publishes and waits for the stream's answer, which may hold an error.

    Raises:
        Unavailable: no answer; whether the message is stored is unknown.
    """
    message = await _request(connection, subject, payload, wait_s, headers)
    return ack_decoder.decode(message.data)


async def _ask(connection: LogConnection, subject: str, body: dict[str, Any] | None, wait_s: float) -> bytes:
    payload = b"" if body is None else msgspec.json.encode(body)
    return (await _request(connection, f"$JS.API.{subject}", payload, wait_s)).data


async def _request(
    connection: LogConnection, subject: str, payload: bytes, wait_s: float, headers: dict[str, str] | None = None
) -> Msg:
    """Asks once; waits for a connection first, and gives up as soon as it is lost, for then no answer will come."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(wait_s) as limit:
            await connection.wait_connected()

            def changed() -> None:
                if not connection.connected and not limit.expired():
                    limit.reschedule(loop.time())

            remove = connection.listen(changed)
            try:
                return await connection.nc.request(subject, payload, timeout=wait_s, headers=headers)
            finally:
                remove()
    except NoRespondersError:
        raise _unavailable("nobody takes this subject, JetStream may not be ready") from None
    except (NatsError, TimeoutError, OSError) as error:
        raise _unavailable(f"no answer ({type(error).__name__})") from None


def _unavailable(why: str) -> Unavailable:
    return Unavailable(f"the log cannot be reached: {why}; try again in a moment", retry_after=1)


def _msg_id(headers: str) -> str:
    if not headers:
        return ""
    for line in base64.b64decode(headers).split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"nats-msg-id":
            return value.strip().decode()
    return ""
