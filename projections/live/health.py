"""Which accounts were left alone at a time, by the facts of DECISIONS. Reads once, follows nothing."""

from __future__ import annotations

from bisect import bisect_right

from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from schemas import subjects
from schemas.codec import Malformed, decode_segment, open_fact
from schemas.facts.decisions import CircuitClosed, CircuitOpened

WORKER = "routing"
_BEFORE_US = 600_000_000
"""A circuit may have been opened before the span begins."""


class PastHealth:
    """Circuits as they were told. What gateways saw for themselves stands in the facts of their requests."""

    def __init__(self) -> None:
        self.facts = 0
        self._turns: dict[tuple[str, str], tuple[list[int], list[int]]] = {}
        """Tenant and account to times, and until when it was open from then on (0: closed)."""

    def note(self, tenant: str, account: str, time_us: int, until_us: int) -> None:
        """A circuit opened until a time, or closed (0). In the order of times."""
        self.facts += 1
        times, untils = self._turns.setdefault((tenant, account), ([], []))
        times.append(time_us)
        untils.append(until_us)

    def allows(self, tenant: str, account: str, at_us: int) -> bool:
        """Whether a call could be made; an account of which nothing is told is taken for healthy."""
        times, untils = self._turns.get((tenant, account), ([], []))
        index = bisect_right(times, at_us)
        return not index or untils[index - 1] <= at_us


async def past_health(connection: LogConnection, from_us: int, until_us: int) -> PastHealth:
    """What was told between two times of the log.

    Raises:
        NotFound: the stream does not exist.
        Unavailable: the log does not answer.
    """
    found = PastHealth()
    reader = StreamReader(
        connection, "DECISIONS", subjects=(subjects.decisions_of(WORKER),), start_time_us=max(from_us - _BEFORE_US, 1)
    )
    async for batch in reader.batches(follow=False):
        for message in batch:
            if message.time_us > until_us:
                return found
            try:
                for fact in decode_segment(message.payload).facts:
                    match open_fact(fact):
                        case CircuitOpened() as data:
                            found.note(fact.tenant, data.account, fact.time, data.until_us)
                        case CircuitClosed() as data:
                            found.note(fact.tenant, data.account, fact.time, 0)
            except Malformed:
                continue
    return found
