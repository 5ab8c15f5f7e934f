"""The log folded once more beside a store, span by span, and what of the store's rows does not follow from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import date
from typing import Any, Protocol

import msgspec

from projections.comparing.postgres import PostgresRows, in_order
from projections.comparing.rows import FINDING, TRAFFIC_EVENT, Comparison, RowFault, Table, compare_keyed
from projections.gone import Gone, gone
from projections.log.api import ApiError, call
from projections.log.connection import LogConnection
from projections.log.reader import Message, last_sequence
from projections.postgres.configuration import ConfigRow, config_rows
from projections.postgres.spending import SpendView
from projections.ranges import batches
from projections.rows import Row, Rows, rows_of
from schemas.errors import Invalid

SPAN = 500
"""Messages whose rows are held at once."""
_FOR_EVER = 2**62
_NOT_FOUND = 404
_KINDS = {
    ("postgres", "traffic_event"): "rows",
    ("postgres", "finding"): "findings",
    ("clickhouse", "traffic_event"): "rows_clickhouse",
}
"""What facts of retentions call the rows of a store's table."""
_LATE_S, _LATE_TIMES = 0.25, 20
"""How long the rows of an announced batch may take."""
Progress = Callable[[str, int, int], None]
"""(table, place reached, last place)."""


class ViewReport(msgspec.Struct):
    """One table of one store, held against the log."""

    store: str
    table: str
    stream: str
    through: int
    """The place in the stream up to which the table claims to be complete."""
    rows: int = 0
    """That the log makes; all of them were compared."""
    unchecked: int = 0
    """Rows of facts that the stream has forgotten since, as its policy says."""
    faults: list[RowFault] = []
    gone: int = 0
    """Rows that a retention has removed, as the log says."""


class Ordered(Protocol):
    async def take(self, through: int) -> list[Row]: ...


class Store(Protocol):
    name: str

    async def through(self, stream: str) -> int: ...
    async def has_another(self, table: Table, row: Row) -> bool: ...


_WORKERS = {
    ("postgres", "TRAFFIC"): "audit",
    ("postgres", "DECISIONS"): "audit-findings",
    ("postgres", "LEDGER"): "audit-spend",
    ("postgres", "CONFIG"): "audit-config",
    ("clickhouse", "TRAFFIC"): "analytics",
}
"""Whose acknowledgement says that a store has had what a stream holds."""


async def acknowledged(connection: LogConnection, store: str, stream: str) -> int:
    """How far into a stream the worker of a store has acknowledged everything, which it does once the store has it; 0
    where there is no such worker. To be asked before the store is looked at: what it says of itself can be set back.

    Raises:
        Unavailable: the log does not answer.
    """
    try:
        info = await call(connection, f"CONSUMER.INFO.{stream}.{_WORKERS[store, stream]}")
    except ApiError as error:
        if error.code == _NOT_FOUND:
            return 0
        raise
    return int(info["ack_floor"]["stream_seq"])


async def compare_traffic(
    connection: LogConnection,
    store: Store,
    ordered: Sequence[tuple[Table, Ordered]],
    stream: str,
    show: Progress,
    least: int = 0,
) -> list[ViewReport]:
    """Tables with rows of a stream's facts; the stream is read once for all of them.

    Args:
        least: the place up to which they must be complete, whatever the store says.

    Raises:
        Rejected, Unavailable: the store or the log does not answer.
    """
    claimed = await store.through(stream)
    through = max(claimed, least)
    info = await call(connection, f"STREAM.INFO.{stream}")
    first = max(1, int(info["state"]["first_seq"]))
    went = await gone(connection)
    compared = [
        (table, rows, Comparison(table, stream, _of_kind(went, _KINDS[store.name, table.name])))
        for table, rows in ordered
    ]
    reports = {table.name: ViewReport(store.name, table.name, stream, through) for table, _ in ordered}
    for table, rows, comparison in compared:
        before = await rows.take(first - 1)
        if first > 1:
            reports[table.name].unchecked = len(before)
        else:
            comparison.inserted(before)
    async for last, made in _made(connection, stream, first, through):
        for table, rows, comparison in compared:
            expected = made.traffic if table is TRAFFIC_EVENT else made.findings
            comparison.take(expected, await rows.take(last))
        show(ordered[0][0].name, last, through)
    end = await last_sequence(connection, stream)
    for table, rows, comparison in compared:
        sequence = table.at("sequence")
        # those up to the end may have come while this was at work
        comparison.inserted([row for row in await rows.take(_FOR_EVER) if sequence(row) > end])
        late = _Late(table, rows)
        for row in comparison.absent:
            if not await late.came(row) and not await store.has_another(table, row):
                comparison.removed(row)
        report = reports[table.name]
        report.rows, report.gone = comparison.rows, comparison.gone
        report.faults = _ahead(stream, claimed, end) + comparison.faults
    return list(reports.values())


def _ahead(stream: str, claimed: int, end: int) -> list[RowFault]:
    """A store that says it has what the log does not hold yet will pass over it when it comes."""
    return [RowFault("position", stream, f"{stream}:{claimed}", "changed", "sequence")] if claimed > end else []


def _of_kind(went: Gone, kind: str) -> dict[str, int]:
    return {tenant: before_us for (tenant, of), before_us in went.items() if of == kind}


async def _made(connection: LogConnection, stream: str, first: int, through: int) -> AsyncIterator[tuple[int, Rows]]:
    """(last place of the span, its rows); the last span ends at `through`, whatever stands there."""
    last = first - 1
    found = batches(connection, stream, first, through, size=SPAN)
    async with aclosing(found):
        async for batch in found:
            last = batch[-1].sequence
            yield last, _rows(batch)
    if last < through:
        yield through, Rows()


def _rows(batch: Sequence[Message]) -> Rows:
    """Of what can be applied: what cannot lies in DEAD, and no store has it."""
    try:
        return rows_of(batch)
    except Invalid:
        if len(batch) == 1:
            return Rows()
        middle = len(batch) // 2
        one, other = _rows(batch[:middle]), _rows(batch[middle:])
        return Rows(one.traffic + other.traffic, one.findings + other.findings, one.facts + other.facts)


class _Late:
    """Rows that were announced and not yet stored: a store without a snapshot gets them in the meantime."""

    def __init__(self, table: Table, rows: Ordered) -> None:
        self._sequence = table.at("sequence")
        self._place = table.at(*table.place)
        self._between: Callable[[int, int], Awaitable[list[Row]]] | None = getattr(rows, "between", None)
        self._looks = _LATE_TIMES

    async def came(self, row: Row) -> bool:
        """Whether this one is there by now; waits for some seconds in all, not for each."""
        if self._between is None:
            return False
        sequence = self._sequence(row)
        while self._place(row) not in map(self._place, await self._between(sequence - 1, sequence)):
            if self._looks == 0:
                return False
            self._looks -= 1
            await asyncio.sleep(_LATE_S)
        return True


async def compare_spend(connection: LogConnection, store: PostgresRows, least: int = 0) -> ViewReport:
    """`spend` against the sums of LEDGER. `least` as of `compare_traffic`."""
    claimed = await store.through("LEDGER")
    report = ViewReport(store.name, "spend", "LEDGER", max(claimed, least))
    reader, counted = SpendView(), dict[tuple[str, int], int]()
    sums: dict[tuple[Any, ...], list[int]] = {}
    async for message in _each(connection, "LEDGER", report.through):
        for spend in _applied(lambda one=message: reader.read([one])):  # type: ignore[misc]
            place = spend.tenant, spend.partition
            if spend.first <= counted.get(place, 0):
                continue  # it stands on the log twice
            counted[place] = spend.through
            for day, line in spend.lines:
                _add(sums, (spend.tenant, day, line.key_id, line.account, line.model), line)
    made: dict[tuple[Any, ...], Row] = {key: tuple(values) for key, values in sums.items()}
    report.rows = len(made)
    names = ("requests", "input_tokens", "output_tokens", "cost_micros")
    report.faults = _ahead("LEDGER", claimed, await last_sequence(connection, "LEDGER"))
    report.faults += compare_keyed("spend", made, await store.spend(), names)
    return report


async def compare_configuration(connection: LogConnection, store: PostgresRows, least: int = 0) -> ViewReport:
    """`config_current` against CONFIG. `least` as of `compare_traffic`."""
    claimed = await store.through("CONFIG")
    report = ViewReport(store.name, "config_current", "CONFIG", max(claimed, least))
    newest: dict[tuple[Any, ...], ConfigRow] = {}
    async for message in _each(connection, "CONFIG", report.through):
        for row in _applied(lambda one=message: config_rows(one)):  # type: ignore[misc]
            key = row.tenant, row.aggregate, row.id
            known = newest.get(key)
            newest[key] = row if row.spec is not None or known is None else _kept(row, known)
    made: dict[tuple[Any, ...], Row] = {
        key: (row.version, row.sequence, row.time_us, row.actor, row.removed, in_order(row.spec))
        for key, row in newest.items()
    }
    report.rows = len(made)
    names = ("version", "sequence", "time_us", "actor", "removed", "spec")
    report.faults = _ahead("CONFIG", claimed, await last_sequence(connection, "CONFIG"))
    report.faults += compare_keyed("config_current", made, await store.configuration(), names)
    return report


def _kept(row: ConfigRow, known: ConfigRow) -> ConfigRow:
    """A message that says nothing of the spec leaves the one there was."""
    return msgspec.structs.replace(row, spec=known.spec)


def _add(sums: dict[tuple[Any, ...], list[int]], key: tuple[str, date, str, str, str], line: Any) -> None:
    total = sums.setdefault(key, [0, 0, 0, 0])
    for at, value in enumerate((line.requests, line.input_tokens, line.output_tokens, line.cost_micros)):
        total[at] += value


def _applied(read: Callable[[], Sequence[Any]]) -> Sequence[Any]:
    try:
        return read()
    except Invalid:
        return ()


async def _each(connection: LogConnection, stream: str, through: int) -> AsyncIterator[Message]:
    found = batches(connection, stream, 1, through, size=SPAN)
    async with aclosing(found):
        async for batch in found:
            for message in batch:
                yield message


__all__ = [
    "FINDING",
    "TRAFFIC_EVENT",
    "ViewReport",
    "acknowledged",
    "compare_configuration",
    "compare_spend",
    "compare_traffic",
]
