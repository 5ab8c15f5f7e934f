"""The view `config_current`: every aggregate of CONFIG as it is now, without what must stay secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

from projections.log.pull import Message
from projections.postgres.migrate import quoted
from projections.postgres.pool import LIVE
from projections.postgres.sink import Sink
from schemas.aggregates.credential import SealedSecret
from schemas.codec import Malformed, decode_segment, open_fact
from schemas.errors import Invalid
from schemas.subjects import parse_config

WITHHELD = frozenset({"hash"})
"""Fields that authenticate somebody; sealed secrets are recognised by their type. Both stay on the log."""


class ConfigRow(msgspec.Struct, frozen=True):
    tenant: str
    aggregate: str
    id: str
    version: int
    sequence: int
    time_us: int
    actor: str
    removed: bool
    spec: str | None
    """JSON; None when the message says nothing about it."""


class ConfigView:
    """A row for each aggregate: its last spec, and whether it was removed."""

    def __init__(self, schema: str = LIVE) -> None:
        self._table = f"{quoted(schema)}.config_current"

    def read(self, messages: Sequence[Message]) -> list[ConfigRow]:
        return [row for message in messages for row in config_rows(message)]

    async def prepare(self, batch: list[ConfigRow]) -> None:
        """Nothing has to stand before."""

    async def write(self, connection: Any, batch: list[ConfigRow]) -> int:
        for row in batch:
            place = (row.tenant, row.aggregate, row.id, row.version, row.sequence, row.time_us, row.actor, row.removed)
            if row.spec is None:
                await connection.execute(
                    f"UPDATE {self._table} SET version = $4, sequence = $5, time_us = $6, actor = $7, removed = $8 "
                    "WHERE tenant = $1 AND aggregate = $2 AND id = $3 AND sequence < $5",
                    *place,
                )
            else:
                await connection.execute(
                    f"INSERT INTO {self._table} AS held "
                    "(tenant, aggregate, id, version, sequence, time_us, actor, removed, spec) "
                    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::jsonb) "
                    "ON CONFLICT (tenant, aggregate, id) DO UPDATE SET version = excluded.version, "
                    "sequence = excluded.sequence, time_us = excluded.time_us, actor = excluded.actor, "
                    "removed = excluded.removed, spec = excluded.spec WHERE held.sequence < excluded.sequence",
                    *place,
                    row.spec,
                )
        return len(batch)

    def forget(self) -> None:
        """Nothing is kept in memory."""


def config_rows(message: Message) -> list[ConfigRow]:
    """The row that one message of CONFIG makes, if it says anything; of several facts the last one counts.

    Raises:
        Invalid: no segment, or a fact that does not fit its name.
    """
    row: ConfigRow | None = None
    spec: str | None = None
    try:
        segment = decode_segment(message.payload)
        place = parse_config(segment.subject)
        for fact in segment.facts:
            data = open_fact(fact)
            if data is None:
                continue
            held = getattr(data, "spec", None)
            if held is not None:
                spec = msgspec.json.encode(_open(held)).decode()
            row = ConfigRow(
                *place, segment.number, message.sequence, fact.time, fact.actor, removed=held is None, spec=spec
            )
    except Malformed as error:
        raise Invalid(f"{message.stream}:{message.sequence}: {error}") from None
    except ValueError as error:
        raise Invalid(f"{message.stream}:{message.sequence}: {type(error).__name__}") from None
    return [] if row is None else [row]


def _open(value: Any) -> Any:
    """A spec by field name, without what is withheld."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")  # jsonb holds no NUL
    if isinstance(value, SealedSecret):
        return None
    if isinstance(value, msgspec.Struct):
        names = value.__struct_fields__
        return {name: _open(getattr(value, name)) for name in names if name not in WITHHELD}
    if isinstance(value, list | tuple):
        return [_open(item) for item in value]
    if isinstance(value, dict):
        return {key: _open(item) for key, item in value.items()}
    return value


def config_sink(pool: asyncpg.Pool[Any], *, schema: str = LIVE) -> Sink[list[ConfigRow]]:
    """CONFIG into `config_current`."""
    return Sink(pool, ConfigView(schema), name="audit", stream="CONFIG", schema=schema)
