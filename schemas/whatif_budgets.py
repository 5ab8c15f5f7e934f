"""Budgets played again over judged requests: whom one would have refused, and for whom one had room. Pure.

Each request counts with its whole cost from the moment it began, in the order of beginnings, on top of what LEDGER
says was spent before. What a gateway had set aside for requests under way is not played, so the moment at which a
budget ends may be off by what was under way then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

import msgspec

from schemas.aggregates.budget import Budget
from schemas.spend import applicable, window_of
from schemas.whatif import Judgement, Outcome, Recorded

MOST = 500_000
"""Requests with a cost that are kept until the end; of more, budgets are not played."""
_FOR_EVER = 2**62
REFUSED = "insufficient_quota"


class Spent(msgspec.Struct, frozen=True):
    """What one key spent on one model on one day, before the range."""

    day: str
    key: str
    account: str
    model: str
    cost_micros: int


class Played(msgspec.Struct, frozen=True):
    """A request for which a budget decides otherwise."""

    id: str
    tenant: str
    sequence: int
    before: Outcome
    would: Outcome
    """With the candidate, were there no budgets."""
    after: Outcome
    budget: str
    """Which one has no room; empty when all have."""
    differed: bool
    """Whether the candidate changes something of it without budgets too."""


class Line(msgspec.Struct):
    """One budget in one window, as the candidate leaves it."""

    tenant: str
    budget: str
    window: str
    limit_micros: int
    spent_micros: int
    refused: int = 0


class Budgets(msgspec.Struct):
    """The outcome."""

    refused: list[Played] = []
    """Answered then, and not any more; in the order in which they began."""
    room: list[Played] = []
    """Refused by a budget then, for which there is room now; what they would have cost is not known."""
    lines: list[Line] = []
    """Only budgets that refuse somebody now."""
    requests: int = 0
    """That were played; 0 when there are no budgets."""
    played: bool = True
    """False: there were more than `MOST`."""


class _Request(msgspec.Struct, frozen=True, gc=False):
    started_us: int
    sequence: int
    id: str
    tenant: str
    key: str
    before: Outcome
    after: Outcome
    differed: bool
    was_refused: bool
    budgets: tuple[tuple[Budget, ...], tuple[Budget, ...]]
    """As they were, and with the candidate."""


class Player:
    """Keeps what costs money until all is known, in whatever order it comes."""

    def __init__(self, spent: Mapping[str, Sequence[Spent]], most: int = MOST) -> None:
        """
        Args:
            spent: before the range, by tenant.
            most: as `MOST`.
        """
        self._spent = spent
        self._most = most
        self._requests: list[_Request] = []
        self._full = False

    def add(
        self, recorded: Recorded, judgement: Judgement, before: tuple[Budget, ...], after: tuple[Budget, ...]
    ) -> None:
        """One request and the budgets that were, and would have been, in force for its tenant."""
        end = recorded.end
        was_refused = end.code == REFUSED
        if not (before or after) or not (was_refused or judgement.before.cost_micros or judgement.after.cost_micros):
            return
        if len(self._requests) >= self._most:
            self._full = True
            return
        self._requests.append(
            _Request(
                end.started_us,
                recorded.sequence,
                recorded.id,
                recorded.tenant,
                end.key_id,
                judgement.before,
                judgement.after,
                judgement.differs,
                was_refused,
                (before, after),
            )
        )

    def play(self, without: Set[str] = frozenset()) -> Budgets:
        """Plays all of them, as it was and with the candidate: only what differs between the two is told.

        Args:
            without: ids of requests that never come to a budget with the candidate.
        """
        found = Budgets(played=not self._full)
        if self._full:
            return found
        was, will = _Purse(self._spent), _Purse(self._spent)
        lines: dict[tuple[str, str, str], Line] = {}
        for one in sorted(self._requests, key=lambda one: (one.started_us, one.sequence)):
            found.requests += 1
            own, other = one.budgets
            stopped_then, left_then = was.take(one, own, one.before)
            if one.id in without:
                continue
            stopped, left = will.take(one, other, one.after)
            if stopped is not None and not one.was_refused and stopped_then is None:
                nothing = Outcome(one.after.action, one.after.rule, "", 0)
                found.refused.append(_played(one, nothing, stopped.id))
                place = (one.tenant, stopped.id, window_of(stopped.window, one.started_us))
                line = lines.setdefault(place, Line(*place, stopped.limit_micros, 0))
                line.refused += 1
            elif one.was_refused and stopped is None and left > left_then:
                found.room.append(_played(one, one.after, ""))
        for place, line in lines.items():
            line.spent_micros = will.spent(*place)
        found.lines = [line for _, line in sorted(lines.items())]
        return found


class _Purse:
    """What is spent of each budget in each window."""

    def __init__(self, before: Mapping[str, Sequence[Spent]]) -> None:
        self._before = before
        self._sums: dict[tuple[str, str, str], int] = {}

    def spent(self, tenant: str, budget: str, window: str) -> int:
        return self._sums.get((tenant, budget, window), 0)

    def take(self, one: _Request, budgets: Iterable[Budget], outcome: Outcome) -> tuple[Budget | None, int]:
        """Counts a request, or says which budget has no room for it; and how much the scarcest had left before."""
        account = outcome.model.partition("/")[0]
        counted = applicable(budgets, key=one.key, account=account, model=outcome.model)
        places = [(one.tenant, budget.id, window_of(budget.window, one.started_us)) for budget in counted]
        cost = 0 if one.was_refused else outcome.cost_micros
        # of one that was refused not even the cost is known: it needs something at least
        needed = 1 if one.was_refused else cost
        left = _FOR_EVER
        for budget, place in zip(counted, places, strict=True):
            if place not in self._sums:
                self._sums[place] = self._spent_before(one.tenant, budget, place[2])
            left = min(left, budget.limit_micros - self._sums[place])
            if needed and left < needed:
                return budget, left
        for place in places:
            self._sums[place] += cost
        return None, left

    def _spent_before(self, tenant: str, budget: Budget, window: str) -> int:
        return sum(
            line.cost_micros
            for line in self._before.get(tenant, ())
            if (window == "total" or line.day.startswith(window))
            and applicable((budget,), key=line.key, account=line.account, model=line.model)
        )


def _played(one: _Request, after: Outcome, budget: str) -> Played:
    return Played(one.id, one.tenant, one.sequence, one.before, one.after, after, budget, one.differed)
