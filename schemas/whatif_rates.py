"""Rate limits of keys played again over judged requests: whom one would have refused, and for whom one had room. Pure.

The buckets are the gateway's, one for each key and gateway process, full at the beginning of the range. Requests of a
key whose limit the candidate leaves as it was are not played: what was decided then stands.
"""

from __future__ import annotations

import msgspec

from schemas.errors import LimitReached
from schemas.rates import Bucket, take
from schemas.whatif import Judgement, Outcome, Recorded
from schemas.whatif_budgets import MOST, Played

STAGE = "limits"
"""Where a request was refused that its key's limit refused."""
_FREE = frozenset({"authenticate", "kill"})
"""Where a request was refused that took no token: limits are asked afterwards."""


class RateLine(msgspec.Struct):
    """One key, as the candidate limits it."""

    tenant: str
    key: str
    requests_per_minute: int
    requests: int = 0
    refused: int = 0
    """Of these, by the candidate's limit."""


class Rates(msgspec.Struct):
    """The outcome."""

    refused: list[Played] = []
    """Let in then, and not any more; in the order in which they began."""
    room: list[Played] = []
    """Refused by the limit then, for which there is room now; what would have become of them is not known."""
    lines: list[RateLine] = []
    """Keys that were played."""
    played: bool = True
    """False: there were more requests than are kept."""


class _Request(msgspec.Struct, frozen=True, gc=False):
    started_us: int
    sequence: int
    id: str
    tenant: str
    key: str
    process: str
    limit: int
    was_refused: bool
    before: Outcome
    would: Outcome
    differed: bool


class RatePlayer:
    """Keeps the requests of keys with another limit until all is known, in whatever order they come."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._requests: list[_Request] = []
        self._full = False

    def add(self, recorded: Recorded, judgement: Judgement, before: int, after: int) -> None:
        """One request, and the requests per minute that its key might make, and may by the candidate; 0: no limit."""
        end = recorded.end
        if before == after or not end.key_id or end.stage in _FREE:
            return
        if len(self._requests) >= self._most:
            self._full = True
            return
        was_refused = end.stage == STAGE and end.code == LimitReached.code
        self._requests.append(
            _Request(
                end.started_us,
                recorded.sequence,
                recorded.id,
                recorded.tenant,
                end.key_id,
                f"{end.writer}/{end.boot}",
                after,
                was_refused,
                judgement.before,
                judgement.after,
                judgement.differs,
            )
        )

    def play(self) -> Rates:
        """Plays all of them with the candidate, and tells of whom that decides otherwise than it was."""
        found = Rates(played=not self._full)
        if self._full:
            return found
        buckets: dict[tuple[str, str, str], Bucket] = {}
        lines: dict[tuple[str, str], RateLine] = {}
        for one in sorted(self._requests, key=lambda one: (one.started_us, one.sequence)):
            line = lines.setdefault((one.tenant, one.key), RateLine(one.tenant, one.key, one.limit))
            line.requests_per_minute = one.limit
            line.requests += 1
            stopped = False
            if one.limit:
                place = (one.tenant, one.key, one.process)
                buckets[place], wait_s = take(one.limit, buckets.get(place), one.started_us / 1_000_000)
                stopped = wait_s > 0
            line.refused += stopped
            if stopped and not one.was_refused:
                found.refused.append(_played(one, Outcome("approve", "", "", 0)))
            elif one.was_refused and not stopped:
                found.room.append(_played(one, one.would))
        found.lines = [line for _, line in sorted(lines.items())]
        return found


def _played(one: _Request, after: Outcome) -> Played:
    return Played(one.id, one.tenant, one.sequence, one.before, one.would, after, "", one.differed)
