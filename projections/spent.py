"""What LEDGER says was spent before a place on TRAFFIC. Reads the log, keeps sums."""

from __future__ import annotations

from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from projections.postgres.spending import SpendView
from schemas.errors import Invalid
from schemas.whatif_budgets import Spent


async def spent_before(connection: LogConnection, sequence: int) -> dict[str, list[Spent]]:
    """Sums by tenant, of the requests that ended before a message of TRAFFIC. A range that goes on over it is left out.

    Raises:
        NotFound: LEDGER does not exist.
        Unavailable: the log does not answer.
    """
    view, through = SpendView(), dict[tuple[str, int], int]()
    sums: dict[str, dict[tuple[str, str, str, str], int]] = {}
    async for batch in StreamReader(connection, "LEDGER").batches(follow=False):
        for message in batch:
            try:
                ranges = view.read([message])
            except Invalid:
                continue  # `verify` names it
            for one in ranges:
                place = one.tenant, one.partition
                if one.first <= through.get(place, 0):
                    continue  # it stands on the log twice
                through[place] = one.through
                if one.through >= sequence:
                    continue
                own = sums.setdefault(one.tenant, {})
                for day, line in one.lines:
                    key = day.isoformat(), line.key_id, line.account, line.model
                    own[key] = own.get(key, 0) + line.cost_micros
    return {tenant: [Spent(*key, cost) for key, cost in own.items()] for tenant, own in sums.items()}
