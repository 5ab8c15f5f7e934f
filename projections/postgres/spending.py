"""The view `spend`: sums of LEDGER by tenant, day, key, account and model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import asyncpg
import msgspec

from projections.log.pull import Message
from projections.postgres.migrate import quoted
from projections.postgres.pool import LIVE
from projections.postgres.sink import Sink
from projections.rows import storable_text
from schemas.codec import Malformed, decode_segment, open_fact
from schemas.errors import Invalid
from schemas.facts.ledger import SpendLine, SpendRecorded


class SpendRange(msgspec.Struct, frozen=True):
    """One fact of spend and whose it is."""

    tenant: str
    partition: int
    first: int
    through: int
    lines: tuple[tuple[date, SpendLine], ...]


class SpendView:
    """Adds up each range of TRAFFIC once, whatever comes twice: ranges of one tenant arrive in order."""

    def __init__(self, schema: str = LIVE) -> None:
        self._schema = quoted(schema)

    def read(self, messages: Sequence[Message]) -> list[SpendRange]:
        found = []
        for message in messages:
            try:
                for fact in decode_segment(message.payload).facts:
                    data = open_fact(fact)
                    if isinstance(data, SpendRecorded):
                        lines = tuple((date.fromisoformat(line.day), line) for line in data.lines)
                        found.append(
                            SpendRange(
                                storable_text(fact.tenant),
                                data.partition,
                                data.from_sequence,
                                data.through_sequence,
                                lines,
                            )
                        )
            except Malformed as error:
                raise Invalid(f"{message.stream}:{message.sequence}: {error}") from None
            except ValueError:
                raise Invalid(f"{message.stream}:{message.sequence}: a day is not YYYY-MM-DD") from None
        return found

    async def prepare(self, batch: list[SpendRange]) -> None:
        """Nothing has to stand before."""

    async def write(self, connection: Any, batch: list[SpendRange]) -> int:
        rows = await connection.fetch(
            f"SELECT tenant, partition, sequence FROM {self._schema}.spend_through WHERE tenant = ANY($1::text[])",
            sorted({spend.tenant for spend in batch}),
        )
        through: dict[tuple[str, int], int] = {(row["tenant"], row["partition"]): row["sequence"] for row in rows}
        sums: dict[tuple[str | date, ...], list[int]] = {}
        for spend in batch:
            place = (spend.tenant, spend.partition)
            if spend.first <= through.get(place, 0):
                continue  # counted: the fact stands on the log twice
            through[place] = spend.through
            for day, line in spend.lines:
                names = map(storable_text, (line.key_id, line.account, line.model))
                total = sums.setdefault((spend.tenant, day, *names), [0, 0, 0, 0])
                values = (line.requests, line.input_tokens, line.output_tokens, line.cost_micros)
                for number, value in enumerate(values):
                    total[number] += value
        await connection.executemany(
            f"INSERT INTO {self._schema}.spend AS held (tenant, day, key_id, account, model, "
            "requests, input_tokens, output_tokens, cost_micros) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) "
            "ON CONFLICT (tenant, day, key_id, account, model) DO UPDATE SET "
            "requests = held.requests + excluded.requests, "
            "input_tokens = held.input_tokens + excluded.input_tokens, "
            "output_tokens = held.output_tokens + excluded.output_tokens, "
            "cost_micros = held.cost_micros + excluded.cost_micros",
            [(*key, *total) for key, total in sorted(sums.items())],
        )
        await connection.executemany(
            f"INSERT INTO {self._schema}.spend_through (tenant, partition, sequence) VALUES ($1, $2, $3) "
            "ON CONFLICT (tenant, partition) DO UPDATE SET sequence = excluded.sequence",
            [(*place, sequence) for place, sequence in sorted(through.items())],
        )
        return len(sums)

    def forget(self) -> None:
        """Nothing is kept in memory."""


def spend_sink(pool: asyncpg.Pool[Any], *, schema: str = LIVE) -> Sink[list[SpendRange]]:
    """LEDGER into `spend`."""
    return Sink(pool, SpendView(schema), name="audit", stream="LEDGER", schema=schema)
