"""The bytes of the OpenAI wire format over HTTP/1.1: heads, JSON bodies, server-sent events; nothing is decided here.

Identifiers have a fixed width, so that every answer to the same request has the same length.
"""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import formatdate
from http import HTTPStatus

import msgspec

from ops.mock.answer import Answer
from ops.mock.refusal import Refusal

JSON = b"application/json"
EVENTS = b"text/event-stream; charset=utf-8"
_STATUS = {status.value: b"HTTP/1.1 %d %s\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}
DONE = b"data: [DONE]\n\n"
LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

encode = msgspec.json.encode


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """What marks one answer as its own: ``ident`` (fixed width), the second it was made, and its model as JSON."""

    ident: bytes
    created: int
    model: bytes


def date(second: int) -> bytes:
    """The ``Date`` header line of a second since the epoch (RFC 9110, 6.6.1)."""
    return b"date: %s\r\n" % formatdate(second, usegmt=True).encode()


def head(status: int, kind: bytes, length: int | None, lines: bytes, *, chunked: bool = True) -> bytes:
    """Status line and fields; ``lines`` are further complete field lines. A ``length`` of None means a stream: chunked,
    or else ended by the closing of the connection, which is all that HTTP/1.0 has."""
    first = _STATUS.get(status) or b"HTTP/1.1 %d Injected\r\n" % status
    if length is not None:
        return b"%scontent-type: %s\r\n%scontent-length: %d\r\n\r\n" % (first, kind, lines, length)
    coding = b"transfer-encoding: chunked\r\n" if chunked else b""
    return b"%scontent-type: %s\r\n%s%s\r\n" % (first, kind, lines, coding)


def chunk(data: bytes) -> bytes:
    """One chunk of the chunked transfer coding (RFC 9112, 7.1)."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def error(refusal: Refusal) -> bytes:
    """The error body of the API."""
    return encode(
        {
            "error": {
                "message": refusal.message,
                "type": refusal.kind,
                "param": refusal.param,
                "code": refusal.code,
            }
        }
    )


def models(names: tuple[str, ...], created: int) -> bytes:
    """Body of ``GET /v1/models``."""
    return b'{"object":"list","data":[%s]}' % b",".join(model(name, created) for name in names)


def model(name: str, created: int) -> bytes:
    """Body of ``GET /v1/models/{name}``."""
    return b'{"id":%s,"object":"model","created":%d,"owned_by":"nexus-mock"}' % (encode(name), created)


def _usage(answer: Answer) -> bytes:
    return (
        b'{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,'
        b'"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},'
        b'"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,'
        b'"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}'
        % (answer.prompt_tokens, answer.completion_tokens, answer.prompt_tokens + answer.completion_tokens)
    )


def _call_id(stamp: Stamp, choice: int) -> bytes:
    return b"call_%s%02x" % (stamp.ident, choice)


def completion(answer: Answer, stamp: Stamp, with_usage: bool) -> bytes:
    """The body of a plain answer."""
    text = encode("".join(answer.pieces))
    choices = []
    for index in range(answer.choices):
        if answer.tool is None:
            said = b'"content":%s,"refusal":null,"annotations":[]' % text
        else:
            said = (
                b'"content":null,"refusal":null,"annotations":[],"tool_calls":[{"id":"%s","type":"function",'
                b'"function":{"name":%s,"arguments":%s}}]' % (_call_id(stamp, index), encode(answer.tool), text)
            )
        choices.append(
            b'{"index":%d,"message":{"role":"assistant",%s},"logprobs":null,"finish_reason":"%s"}'
            % (index, said, answer.finish.encode())
        )
    return (
        b'{"id":"chatcmpl-%s","object":"chat.completion","created":%d,"model":%s,"choices":[%s],%s'
        b'"service_tier":"default","system_fingerprint":"fp_mock"}'
        % (
            stamp.ident,
            stamp.created,
            stamp.model,
            b",".join(choices),
            b'"usage":%s,' % _usage(answer) if with_usage else b"",
        )
    )


def events(answer: Answer, stamp: Stamp, with_usage: bool) -> Iterator[list[bytes]]:
    """The events of a streamed answer in groups that leave together: the opening, one group a token, the closing.

    With ``include_usage`` every event but the last carries ``"usage":null``, and the last one the counts with empty
    choices, as the API documents it.
    """
    opening = (
        b'data: {"id":"chatcmpl-%s","object":"chat.completion.chunk","created":%d,"model":%s,'
        % (
            stamp.ident,
            stamp.created,
            stamp.model,
        )
        + b'"service_tier":"default","system_fingerprint":"fp_mock",'
    )
    nothing_used = b',"usage":null}\n\n' if answer.include_usage else b"}\n\n"
    unfinished = b'},"logprobs":null,"finish_reason":null}]' + nothing_used
    starts = [opening + b'"choices":[{"index":%d,"delta":{' % index for index in range(answer.choices)]
    if answer.tool is None:
        said = b'"role":"assistant","content":"","refusal":null'
        yield [start + said + unfinished for start in starts]
        starts = [start + b'"content":' for start in starts]
    else:
        said = b'"role":"assistant","content":null,"refusal":null,"tool_calls":[{"index":0,"id":"%s","type":"function",'
        named = b'"function":{"name":%s,"arguments":""}}]' % encode(answer.tool)
        yield [start + said % _call_id(stamp, index) + named + unfinished for index, start in enumerate(starts)]
        starts = [start + b'"tool_calls":[{"index":0,"function":{"arguments":' for start in starts]
        unfinished = b"}}]" + unfinished
    for piece in answer.pieces:
        text = encode(piece)
        yield [start + text + unfinished for start in starts]
    closing = [
        opening
        + b'"choices":[{"index":%d,"delta":{},"logprobs":null,"finish_reason":"%s"}]' % (index, answer.finish.encode())
        + nothing_used
        for index in range(answer.choices)
    ]
    if with_usage and answer.include_usage:
        closing.append(opening + b'"choices":[],"usage":%s}\n\n' % _usage(answer))
    closing.append(DONE)
    yield closing


def events_in(answer: Answer, with_usage: bool) -> int:
    """How many events ``events`` makes."""
    return (len(answer.pieces) + 2) * answer.choices + (with_usage and answer.include_usage) + 1


def broken_completion(answer: Answer, stamp: Stamp) -> bytes:
    """A plain answer that ends in the middle of its JSON, and says so nowhere."""
    body = completion(answer, stamp, True)
    return body[: len(body) // 2]


def broken_event(stamp: Stamp) -> bytes:
    """An event whose data is no JSON."""
    return b'data: {"id":"chatcmpl-%s","object":"chat.completion.chunk","choices":[{"delta":{"content":\n\n' % (
        stamp.ident
    )
