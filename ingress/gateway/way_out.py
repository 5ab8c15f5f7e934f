"""How a request ends that was not served: refused, broken off by its caller, or by the end of this process."""

from __future__ import annotations

import asyncio
import logging

from ingress.gateway import hooked
from ingress.gateway.answers import answer_error, answer_headers
from ingress.gateway.exchange import Exchange
from ingress.gateway.hooked import SoftBlocked
from schemas.errors import NexusError, Unavailable
from schemas.facts import traffic
from schemas.facts.traffic import Usage
from schemas.outside_words import fit_code

log = logging.getLogger(__name__)


async def refuse(exchange: Exchange, error: NexusError) -> None:
    """Tells the caller why, after the log knows it."""
    record, door, stage = exchange.record, exchange.door, exchange.stage
    if exchange.attempts is not None:
        exchange.attempts.broken_off(None)
    # the caller is told what the provider said; the log must be able to forget it
    code = fit_code(error.error_code, exchange.texts)
    if door.answered:
        # the status line is gone: all that is left is to close the record
        record.close(traffic.RequestCompleted, status=200, code=code, stage=stage)
        return
    try:
        waits = stage != "log"
        record.close(traffic.RequestRefused, status=error.status, code=code, stage=stage, awaited=waits)
        if waits:
            await record.acknowledged()
    except Unavailable as unavailable:
        error = unavailable
    except asyncio.CancelledError:
        # the caller did not wait for the refusal, which is on its way to the log
        if not door.left:
            raise
        return
    if isinstance(error, SoftBlocked):
        _answer_softly(exchange)
        return
    answer_error(door, record, exchange.codec, error, exchange.hook)


def _answer_softly(exchange: Exchange) -> None:
    """Says no in the words of an answer."""
    record, request = exchange.record, exchange.request
    said = (exchange.codec, record.request_id, request.model, record.started_us // 1_000_000)
    content = hooked.polite_stream(*said) if request.stream else hooked.polite_answer(*said)
    kind = "text/event-stream" if request.stream else "application/json"
    exchange.door.answer(200, answer_headers(record, exchange.hook, kind), content)


def abort(exchange: Exchange) -> None:
    """The caller left, or the process is stopping: what was used is billed."""
    record, relay, attempts = exchange.record, exchange.relay, exchange.attempts
    if record.closed:
        return
    used: Usage | None = None
    if relay is not None:
        used = relay.usage or exchange.estimated_usage(relay.output_bytes)
        record.summary.finish_reason = relay.finish_reason
    elif attempts is not None:
        used = exchange.estimated_usage(0)
    if attempts is not None:
        attempts.broken_off(used)
    status = 200 if exchange.door.answered else 0
    try:
        record.close(traffic.RequestAborted, status=status, code="client_left", stage=exchange.stage)
    except Unavailable:
        log.warning("log queue full, nothing owed request=%s", record.request_id)
