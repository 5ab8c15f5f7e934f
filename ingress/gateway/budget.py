"""Money around a call: what to set aside before it, how far the answer may go, what it came to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from ingress.codecs.asked import Asked
from ingress.gateway.authenticate import Caller
from projections.valkey.lease import Reservation, Standing
from projections.valkey.look import Used
from schemas.aggregates.budget import Budget
from schemas.aggregates.model import Model
from schemas.errors import Forbidden
from schemas.pricing import affordable_output, ceiling_micros
from schemas.routing.choose import Target
from schemas.spend import applicable
from schemas.tokens import MOST_TOKENS, most_beside_texts, most_tokens

MIN_OUTPUT_TOKENS = 16
"""An answer that can be no longer than this is not worth its prompt: the budget counts as exhausted."""


class BudgetLeases(Protocol):
    """What is needed of `projections.valkey.leases.Leases`."""

    @property
    def standing(self) -> Standing: ...

    def reserve_now(self, tenant: str, budgets: tuple[Budget, ...], want: int, *, at_us: int) -> Reservation | None: ...

    async def reserve(
        self, tenant: str, budgets: tuple[Budget, ...], want: int, minimum: int, *, at_us: int
    ) -> Reservation: ...

    def settle(self, reservation: Reservation, cost_micros: int) -> None: ...

    async def look(self, tenant: str, budgets: Sequence[Budget]) -> list[Used]: ...


class Allowance(msgspec.Struct, frozen=True, gc=False):
    """Money set aside for one call."""

    reservation: Reservation | None = None
    micros: int = 0
    budgets: tuple[str, ...] = ()
    max_output: int | None = None
    """A tighter limit of output tokens for each choice, when money is short."""


FREE = Allowance()


def prompt_ceiling(request: Asked, text_bytes: int, model: Model) -> int:
    """The most tokens the prompt can have, in texts of so many bytes of UTF-8 and in all that is beside them."""
    beside = 0 if request.plain else most_beside_texts(request.body, model.upstream_name, model.context_tokens)
    return most_tokens(text_bytes, request.turns) + request.more_tokens + beside


async def set_aside(
    leases: BudgetLeases, caller: Caller, target: Target, request: Asked, text_bytes: int, started_us: int
) -> Allowance:
    """Reserves the most that the call can cost; less, with a tighter limit on the answer, when money is short.

    Args:
        started_us: when the request started, which decides the windows of time it counts in, also over midnight.

    Raises:
        Forbidden: a budget applies and the model has no price.
        LimitReached: not even a short answer can be paid.
        Unavailable: the state of the budget is not known.
    """
    if request.free:
        return FREE
    budgets = applicable(caller.tenant.budgets, key=caller.key.id, account=target.provider.id, model=target.model.id)
    if not budgets:
        return FREE
    prices = target.model.prices
    if prices is None:
        raise Forbidden(
            "A budget applies to this request and the model has no price; ask an operator to set one.",
            code="model_unpriced",
            param="model",
        )
    prompt = prompt_ceiling(request, text_bytes, target.model)
    each = request.max_output or target.model.max_output_tokens
    if each > MOST_TOKENS:
        each = MOST_TOKENS
    want = ceiling_micros(prices, prompt, each * request.choices)
    tenant = caller.key.tenant
    reservation = leases.reserve_now(tenant, budgets, want, at_us=started_us)
    if reservation is None:
        minimum = ceiling_micros(prices, prompt, min(each, MIN_OUTPUT_TOKENS) * request.choices)
        reservation = await leases.reserve(tenant, budgets, want, minimum, at_us=started_us)
    names = reservation.budgets
    if reservation.micros >= want or not request.choices:
        return Allowance(reservation, reservation.micros, names)
    limit = affordable_output(prices, reservation.micros, prompt) // request.choices
    return Allowance(reservation, reservation.micros, names, max(1, min(each, limit)))
