"""Which open requests have lost their writer, and the terminal fact that each is owed. Pure."""

from __future__ import annotations

import msgspec

from processors.reconcile.state import Life, OpenRequest, State
from schemas.facts.traffic import RequestAbandoned, Usage

SUPERSEDED_S = 5.0
"""After a later start of the same writer: room for what it left behind in a spool to arrive."""
SILENT_S = 30.0
"""Three signs of life missed."""


class Closing(msgspec.Struct, frozen=True):
    """A request to be closed, and why."""

    request: OpenRequest
    reason: str
    """`closed`, `superseded` or `silent`."""


def due(state: State, now: float, caught_up_since: float | None) -> list[Closing]:
    """The requests whose writers are dead.

    Args:
        now: monotonic seconds.
        caught_up_since: since when the reader has been connected and at the end of the stream without a break; None
            while it is not. Silence before that proves nothing: it may have been ours.
    """
    if caught_up_since is None:
        return []
    found = []
    for life in state.lives.values():
        if life.requests and (reason := _dead(life, now, caught_up_since)):
            found += [Closing(request, reason) for request in life.requests.values()]
    return sorted(found, key=lambda closing: closing.request.sequence)


def _dead(life: Life, now: float, caught_up_since: float) -> str:
    """Why a writer is taken for dead, or empty."""
    if life.closed:
        return "closed"
    quiet_since = max(life.last_seen, caught_up_since)
    if life.superseded_at is not None and now - max(life.superseded_at, quiet_since) >= SUPERSEDED_S:
        return "superseded"
    return "silent" if now - quiet_since >= SILENT_S else ""


def abandoned(request: OpenRequest, now_us: int) -> RequestAbandoned:
    """What a request came to whose writer died: billed with all that had been set aside for it."""
    account, model = request.account, request.model
    if request.outcome != "ok" and request.attempts < len(request.targets):
        # the call that was under way, or about to be, when the writer died
        model = request.targets[request.attempts]
        account = model.partition("/")[0]
    return RequestAbandoned(
        key_id=request.key_id,
        key_prefix=request.key_prefix,
        subject=request.data_subject,
        operation=request.operation,
        model_requested=request.model_requested,
        account=account,
        model=model,
        route=request.route,
        stream=request.stream,
        code="abandoned",
        rule=request.rule,
        action=request.action,
        attempts=request.attempts,
        usage=Usage(estimated=True),
        cost_micros=request.reserved_micros,
        reserved_micros=request.reserved_micros,
        budgets=request.budgets,
        started_us=request.started_us,
        latency_us=max(0, now_us - request.started_us),
        request_bytes=request.request_bytes,
        accepted_sequence=request.sequence,
        writer=request.writer,
        boot=request.boot,
    )
