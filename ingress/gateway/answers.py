"""Headers and error bodies of answers."""

from __future__ import annotations

import re

from ingress.codecs.codec import CallerCodec
from ingress.gateway.content_coding import UnsupportedCoding
from ingress.gateway.door import Door, Headers
from ingress.gateway.inflating import ACCEPTED
from ingress.gateway.record import Record
from schemas.error_codes import kind_of
from schemas.errors import NexusError
from schemas.screening.model import Verdict

NONE = "none"
"""Stands in a header for what a request did not come to."""
_UNPRINTABLE = re.compile(r"[^ -~]")


def hook_of(verdict: Verdict) -> str:
    """`rule_pack;action=redact;rule=pii.card`, or `none` when nothing hit; never what matched."""
    return NONE if verdict.action == "approve" else f"rule_pack;action={verdict.action};rule={verdict.rule}"


def answer_headers(record: Record, hook: str, content_type: str) -> Headers:
    """The headers every answer carries."""
    headers = [
        ("content-type", content_type),
        ("x-nexus-request-id", record.request_id),
        ("x-nexus-provider", record.summary.account or NONE),
        ("x-nexus-model", record.summary.model.partition("/")[2] or NONE),
        ("x-nexus-attempt", str(record.summary.attempts)),
        ("x-nexus-latency-ms", str(record.elapsed_us // 1000)),
        ("x-nexus-cache", "off"),
        ("x-nexus-hook", hook or NONE),
    ]
    if record.dropped:
        # names of fields that the caller made up may be among them: a line end would begin another header
        headers.append(("x-nexus-dropped", _UNPRINTABLE.sub("?", ", ".join(record.dropped)[:1_000])))
    return headers


def answer_error(door: Door, record: Record, codec: CallerCodec, error: NexusError, hook: str) -> None:
    """Sends an error in the caller's protocol."""
    headers = answer_headers(record, hook, "application/json")
    headers.append(("x-nexus-error", kind_of(error.error_code, error.status)))
    if error.retry_after is not None:
        headers.append(("retry-after", str(error.retry_after)))
    if isinstance(error, UnsupportedCoding):
        headers.append(("accept-encoding", ACCEPTED))
    if error.error_code == "insufficient_quota":
        # clients of this protocol retry every 429 at once unless told not to
        headers.append(("x-should-retry", "false"))
    door.answer(error.status, headers, codec.write_error(error))
