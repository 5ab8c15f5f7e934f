"""A prediction: where it stands, what to ask next, what it took. Source: Replicate HTTP API, "Predictions"."""

from __future__ import annotations

import re
from datetime import datetime
from math import ceil
from typing import Any

import msgspec

from ingress.codecs.codec import ErrorTold, Malformed, ToldError
from ingress.codecs.cohere.answer import count
from ingress.codecs.fields import Fields, decode_json
from schemas.conversation.answer import Answer, Choice
from schemas.conversation.parts import Text
from schemas.errors import InvalidRequest
from schemas.facts.traffic import Usage

_encode = msgspec.json.Encoder().encode
RUNNING = ("starting", "processing", "queued")
_SHORTEST_S, _LONGEST_S = 5, 86_400
STATUSES = {
    "E001": 402, "E002": 401, "E003": 429, "E004": 503, "E005": 400, "E1000": 500, "E1001": 413, "E4875": 500,
    "E6716": 504, "E8367": 503, "E8765": 503, "E9243": 502, "E9825": 502,
}  # fmt: skip
"""What others say by the status of HTTP, by the code in the error of a prediction that failed. Source: Replicate
documentation, "Error codes" (four digits); the errors that its wrappers of others' models raise (three)."""
_BY_STATE = {"canceled": 503, "aborted": 504}
"""Where there is no code: stopped by somebody or after its deadline, or not begun before it. Source: "Prediction
lifecycle"."""
_FAILED = 502
_CODE = re.compile(r"\bE\d{3,4}\b")
_EVENT = re.compile(rb"event: ?error\r?\n(?:id:[^\n]*\n)?data: ?([^\n]*)\n")
_REFUSED = {"E005": "content_filter"}
_NOT_ONE = "the provider's answer is not a prediction"


def _fields(raw: bytes) -> Fields:
    try:
        fields = Fields(decode_json(raw))
        fields.string("status", needed=True)
    except (ValueError, InvalidRequest):
        raise Malformed(_NOT_ONE) from None
    return fields


def headers_for(total_s: float, *, stream: bool) -> tuple[tuple[str, str], ...]:
    """What to send with a request: how long the prediction may take, so that it ends also when nobody is left to say
    so; and to wait for a whole answer, up to a minute. Source: "Create a prediction" (Cancel-After, Prefer).

    Args:
        total_s: how long the answer is waited for.
    """
    longest = ("cancel-after", f"{min(max(ceil(total_s), _SHORTEST_S), _LONGEST_S)}s")
    return (longest,) if stream else (longest, ("prefer", "wait"))


def next_call(raw: bytes, *, stream: bool = False) -> tuple[str, str] | None:
    """(method, URL) of what to ask next; None when the prediction has ended and no stream is wanted of it.

    The URL is the provider's word: a credential belongs there only if its host is one of the account's.

    Args:
        raw: the prediction as it was created or asked for last.
        stream: whether the stream of its output is wanted, where its model has one; else it is asked for again.

    Raises:
        Malformed: not a prediction.
    """
    fields = _fields(raw)
    status = fields.string("status")
    try:
        urls = fields.inner("urls") or Fields({}, "urls")
        told = urls.string("stream") if stream and status in (*RUNNING, "succeeded") else ""
        asked = told or (urls.string("get") if status in RUNNING else "")
    except InvalidRequest:
        raise Malformed(_NOT_ONE) from None
    return ("GET", asked) if asked.startswith(("https://", "http://")) else None


def cancel_url(raw: bytes) -> str:
    """What to POST to when nobody waits for a prediction any more, which runs on and is paid for; empty where it says
    nothing of it. As `next_call`, it is the provider's word.

    Raises:
        Malformed: not a prediction.
    """
    try:
        urls = _fields(raw).inner("urls")
        return "" if urls is None else urls.string("cancel")
    except InvalidRequest:
        raise Malformed(_NOT_ONE) from None


def read_answer(raw: bytes) -> Answer:
    """A prediction that has ended. It does not say why its text ended.

    Raises:
        Malformed: not a prediction, or one that still runs; ToldError for one that failed.
    """
    fields = _fields(raw)
    status = fields.string("status")
    if status in RUNNING:
        raise Malformed("the provider's prediction has not ended")
    try:
        if status != "succeeded":
            raise ToldError(ErrorTold(_text(fields.any("error"))[:2_000] or "The prediction did not succeed.", status))
        text = _text(fields.any("output"))
        return Answer(
            id=fields.string("id"),
            model=fields.string("model"),
            created_s=_seconds(fields.string("created_at")),
            choices=(Choice((Text(text),) if text else (), "stop"),),
            usage=read_usage(fields.any("metrics")),
        )
    except InvalidRequest:
        raise Malformed(_NOT_ONE) from None


def read_usage(metrics: Any) -> Usage | None:
    """Tokens, where the model counts them; most are billed by time."""
    if not isinstance(metrics, dict) or not ("input_token_count" in metrics or "output_token_count" in metrics):
        return None
    return Usage(count(metrics, "input_token_count"), count(metrics, "output_token_count"))


def metrics_of(raw: bytes) -> bytes:
    """What a prediction that has ended says of what it took, as an event of its stream, which says nothing of it.

    Raises:
        Malformed: not a prediction.
    """
    metrics = _fields(raw).any("metrics")
    if read_usage(metrics) is None:
        return b""
    return b"event: metrics\ndata: " + _encode(metrics) + b"\n\n"


def _text(output: Any) -> str:
    """One text, or the pieces of one."""
    if isinstance(output, list):
        return "".join(piece for piece in output if isinstance(piece, str))
    return output if isinstance(output, str) else ""


def _seconds(stamp: str) -> int:
    try:
        return max(0, int(datetime.fromisoformat(stamp).timestamp()))
    except (ValueError, OverflowError, OSError):
        return 0


def status_of(raw: bytes) -> int:
    """The status that an answer under 200 should have come under; 0 where nothing has failed.

    Args:
        raw: a prediction, or the first piece of the stream of its output.
    """
    told = _decoded(raw)
    state = told.get("status")
    if raw.startswith(b"{") and (not isinstance(state, str) or state in (*RUNNING, "succeeded")):
        return 0
    if not raw.startswith(b"{") and _EVENT.match(raw) is None:
        return 0
    code = _CODE.search(_message(told))
    if code is not None:
        return STATUSES.get(code[0], _FAILED)
    return _BY_STATE.get(state, _FAILED) if isinstance(state, str) else _FAILED


def read_error(body: bytes) -> ErrorTold:
    """`{"title", "detail", "status"}`, a prediction that failed, or the error of a stream."""
    message = _message(_decoded(body))
    code = _CODE.search(message)
    return ErrorTold(message[:2_000], _REFUSED.get(code[0], "") if code is not None else "")


def _decoded(raw: bytes) -> dict[str, Any]:
    event = _EVENT.match(raw)
    try:
        told = decode_json(raw if event is None else event[1])
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _message(told: dict[str, Any]) -> str:
    message = told.get("detail") or told.get("error") or told.get("title")
    return message if isinstance(message, str) else ""
