"""AWS's binary event stream, sans-I/O: bytes in, messages out. Source: Smithy, "Amazon Event Stream Specification"."""

from __future__ import annotations

import struct
from zlib import crc32

import msgspec

from ingress.codecs.codec import Malformed

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
MAX_HEADER_BYTES = 128 * 1024
_PRELUDE = struct.Struct(">III")
"""Length of the whole message, length of its headers, CRC-32 of these eight bytes."""
_CRC = struct.Struct(">I")
_SMALLEST = _PRELUDE.size + _CRC.size
_FIXED = {2: struct.Struct(">b"), 3: struct.Struct(">h"), 4: struct.Struct(">i"), 5: struct.Struct(">q"),
          8: struct.Struct(">q")}  # fmt: skip
"""Kind of a header's value -> its form: byte, short, integer, long, timestamp (milliseconds)."""
_BYTES, _STRING, _UUID = 6, 7, 9

Header = bool | int | str | bytes


class AwsEventError(Malformed):
    """Bytes that are no message, or one over the limit. Nothing after them can be read."""


class AwsEvent(msgspec.Struct, frozen=True, gc=False):
    """One message, with the fields of a server-sent event; `event` names its type, its exception or its error code."""

    data: bytes
    raw: bytes
    event: bytes = b""
    kind: str = "event"
    """`event`, `exception` (modelled, with a payload) or `error` (told in the headers; `data` is JSON made of them)."""
    content_type: str = ""


class AwsEventParser:
    """Give it bytes as they come; it gives back the messages that are complete. Memory is bounded by the limit."""

    __slots__ = ("_buffer", "_limit")

    def __init__(self, limit: int = MAX_MESSAGE_BYTES) -> None:
        self._buffer = bytearray()
        self._limit = limit

    @property
    def pending(self) -> int:
        """Bytes of a message that is not complete; at the end of a stream they mean that it was cut."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[AwsEvent]:
        """The messages that these bytes complete.

        Raises:
            AwsEventError: a checksum or a length is wrong, or a message is longer than the limit.
        """
        buffer = self._buffer
        buffer += data
        events: list[AwsEvent] = []
        start = 0
        while len(buffer) - start >= _PRELUDE.size:
            total, headers_size, check = _PRELUDE.unpack_from(buffer, start)
            if crc32(buffer[start : start + 8]) != check:
                raise AwsEventError("the prelude of a message has a wrong checksum")
            if not _SMALLEST <= total <= self._limit:
                raise AwsEventError(f"a message is longer than {self._limit} bytes or too short to be one")
            if headers_size > min(MAX_HEADER_BYTES, total - _SMALLEST):
                raise AwsEventError("the headers of a message are longer than it may hold")
            if len(buffer) - start < total:
                break
            events.append(_message(bytes(buffer[start : start + total]), headers_size))
            start += total
        del buffer[:start]
        return events


def _message(raw: bytes, headers_size: int) -> AwsEvent:
    (check,) = _CRC.unpack_from(raw, len(raw) - _CRC.size)
    if crc32(raw[: -_CRC.size]) != check:
        raise AwsEventError("a message has a wrong checksum")
    body = _PRELUDE.size + headers_size
    headers = decode_headers(raw[_PRELUDE.size : body])
    data = raw[body : -_CRC.size]
    kind = headers.get(":message-type", "event")
    content_type = headers.get(":content-type", "")
    if kind == "error":
        told = {name: headers.get(f":error-{name}") for name in ("code", "message")}
        data = data or msgspec.json.encode({k: v if isinstance(v, str) else "" for k, v in told.items()})
        return AwsEvent(data, raw, b"error", "error", "application/json")
    name = headers.get(":exception-type" if kind == "exception" else ":event-type", "")
    return AwsEvent(
        data,
        raw,
        name.encode() if isinstance(name, str) else b"",
        "exception" if kind == "exception" else "event",
        content_type if isinstance(content_type, str) else "",
    )


def decode_headers(raw: bytes) -> dict[str, Header]:
    """Name -> value.

    Raises:
        AwsEventError: a header is cut, of a kind that there is not, or there twice.
    """
    found: dict[str, Header] = {}
    at = 0
    try:
        while at < len(raw):
            size = raw[at]
            name = _take(raw, at + 1, size).decode()
            at += 1 + size
            kind = raw[at]
            at += 1
            value: Header
            if kind in (0, 1):
                value = kind == 0
            elif kind in _FIXED:
                (value,) = _FIXED[kind].unpack_from(raw, at)
                at += _FIXED[kind].size
            elif kind in (_BYTES, _STRING):
                (length,) = struct.unpack_from(">H", raw, at)
                taken = _take(raw, at + 2, length)
                value = taken.decode() if kind == _STRING else taken
                at += 2 + length
            elif kind == _UUID:
                value = _take(raw, at, 16)
                at += 16
            else:
                raise AwsEventError("a header of a message is of an unknown kind")
            if name in found:
                raise AwsEventError("a header of a message is there twice")
            found[name] = value
    except (IndexError, UnicodeDecodeError, struct.error):
        raise AwsEventError("a header of a message is cut or is no text") from None
    return found


def _take(raw: bytes, at: int, size: int) -> bytes:
    if at + size > len(raw):
        raise IndexError
    return raw[at : at + size]
