"""Applies a part of TRAFFIC to the view in ClickHouse once more, in the next generation of tables beside the live one.

Rollups are sums and cannot be taken back, so nothing is changed in place: what the range does not touch is copied,
the range comes from the log, and so does what came since; then the tables are switched as after a rebuild. Whenever
this is cut off, the live tables are as they were.
"""

from __future__ import annotations

from collections.abc import Sequence

from projections.clickhouse import tables
from projections.clickhouse.client import ClickHouse
from projections.clickhouse.rebuilding import drop_all_but, finish, reader
from projections.clickhouse.sink import COLUMNS, TrafficSink
from projections.clickhouse.tables import table
from projections.comparing.rows import TRAFFIC_EVENT
from projections.filling import Filling, Progress
from projections.log.connection import LogConnection
from projections.log.reader import Message
from projections.rows import rows_of
from schemas import subjects
from schemas.errors import Conflict, Invalid

_COUNTED = 20_000
"""Messages of the last announcement that are read to see whether their rows have come; of more, that is left open."""
_request = TRAFFIC_EVENT.at("day", "request_id")


class ClickHouseRange:
    """One replay into the next generation."""

    def __init__(self, connection: LogConnection, store: ClickHouse, partitions: int) -> None:
        self._connection = connection
        self._store = store
        self._partitions = partitions
        self._fillings: list[Filling] = []
        self._sinks: list[TrafficSink] = []
        self._through = 0
        self.generation = 0
        """The one that is being filled."""

    async def begin(self) -> int:
        """Learns where the live view stands: up to where its rows are there for sure.

        Raises:
            Conflict: there is no view yet.
            Rejected: ClickHouse does not answer.
        """
        live = await tables.current(self._store)
        rows = (
            await self._store.query(
                "SELECT partition, argMax(first, (last, first)), max(last) "
                f"FROM {table('traffic_position', live)} GROUP BY partition"
            )
            if live
            else []
        )
        if not rows:
            raise Conflict("the view holds nothing yet: `nexus rebuild clickhouse` fills it")
        # the rows of the last announcement may still be on their way
        ends = [
            last if await self._has_come(live, partition, first, last) else first - 1 for partition, first, last in rows
        ]
        self._through = max(min(ends), 0)
        return self._through

    async def _has_come(self, live: int, partition: int, first: int, last: int) -> bool:
        """Whether all rows of an announcement are in the live table for sure."""
        if last - first >= _COUNTED:
            return False
        subject = subjects.traffic(partition) if self._partitions > 1 else ""
        try:
            made = rows_of(await reader(self._connection, subject)(first, last)).traffic
        except Invalid:
            return False  # it lies in DEAD; what else was announced with it is not worth a longer look
        found = await self._store.query(
            f"SELECT count() FROM {table('traffic_events', live)} "
            "WHERE batch = {last:Int64} AND sequence BETWEEN {first:Int64} AND {last:Int64}",
            {"first": first, "last": last},
        )
        # of requests that had come before in another batch there are fewer: then it cannot be told
        return bool(made) and int(found[0][0]) == len({_request(row) for row in made})

    async def prepare(self, first: int, last: int, generation: int) -> None:
        """Makes the tables for a replay of `first` to `last`, or finds those that were begun.

        Args:
            generation: of an earlier run of the same replay that was cut off; 0 for none.

        Raises:
            Conflict: these tables are gone.
            Rejected: ClickHouse does not answer.
        """
        live = await tables.current(self._store)
        if generation:
            if generation == live or generation not in await tables.generations(self._store):
                raise Conflict("what this replay had begun is gone, for the view was built anew meanwhile: begin again")
            self.generation = generation
        else:
            await drop_all_but(self._store, live)
            async with self._store.exclusive:
                self.generation = await tables.create(self._store)
            await self._copy(live, first, last)
            await self._stand_at(first - 1)
        for partition in range(self._partitions):
            subject = subjects.traffic(partition) if self._partitions > 1 else ""
            sink = TrafficSink(
                self._store, reader(self._connection, subject), partition=partition, generation=self.generation
            )
            await sink.refresh()
            self._sinks.append(sink)
            self._fillings.append(Filling(self._connection, sink, "TRAFFIC", subject))

    async def apply(self, messages: Sequence[Message]) -> int:
        """Inserts the rows of the next messages of the range; how many rows.

        Raises:
            Rejected: ClickHouse is out of order.
        """
        before = sum(sink.rows for sink in self._sinks)
        for partition, filling in enumerate(self._fillings):
            name = subjects.traffic(partition)
            mine = [one for one in messages if self._partitions == 1 or one.subject == name]
            if mine:
                await filling.apply(mine)
        return sum(sink.rows for sink in self._sinks) - before

    async def complete(self, last: int, through: int, progress: Progress) -> None:
        """Goes on behind what was copied until the end of the log, and puts the tables to use.

        Args:
            last: end of the range.
            through: what `begin` said when the rows were copied.
        """
        await self._stand_at(max(last, through))
        for sink in self._sinks:
            await sink.refresh()
        await finish(self._store, self.generation, self._fillings, progress)

    async def _copy(self, live: int, first: int, last: int) -> None:
        """Day by day, so that no statement runs for long."""
        names = ", ".join(name for name, _ in COLUMNS)
        kept = "sequence <= {through:Int64} AND NOT (sequence BETWEEN {first:Int64} AND {last:Int64})"
        bounds = {"through": self._through, "first": first, "last": last}
        days = await self._store.query(
            f"SELECT DISTINCT day FROM {table('traffic_events', live)} WHERE {kept} ORDER BY day", bounds
        )
        for (day,) in days:
            await self._store.query(
                f"INSERT INTO {table('traffic_events', self.generation)} ({names}) SELECT {names} "
                f"FROM {table('traffic_events', live)} WHERE day = {{day:Date}} AND {kept}",
                {**bounds, "day": day},
            )

    async def _stand_at(self, sequence: int) -> None:
        """Says that everything up to there is in the tables. A range that ends before it begins is never read again."""
        await self._store.insert(
            table("traffic_position", self.generation),
            [("partition", "Int64"), ("first", "Int64"), ("last", "Int64")],
            [(partition, sequence + 1, sequence) for partition in range(self._partitions)],
            {"async_insert": 0},
        )
