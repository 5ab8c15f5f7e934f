"""One target's way from the log to its sink: where it goes on, what makes a batch, when the position moves."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence

import msgspec

from processors.dead import Restraint, bury
from processors.siem.birth import Birth
from processors.siem.lines import Damaged, Line, Place, after, lines_of
from processors.siem.positions import Positions, key_of
from processors.siem.sink import START, Parked, Sink, Stored
from projections.log.connection import LogConnection
from projections.log.ending import end
from projections.log.reader import Message, last_sequence
from projections.log.tail import Tails
from schemas.aggregates.siem_target import SiemTarget
from schemas.errors import Unavailable

log = logging.getLogger(__name__)

GATHER_S = 0.25
"""Between two batches under load: a sync of the file and a mark for all of them."""
SAVE_EVERY_S = 5.0
"""How often a position that only saves reading is stored."""
LEAVE_S = 1.5
"""What a batch that is being sent gets to arrive when the target has to end."""
_AHEAD = 2
_PART_BYTES = 2 * 1024 * 1024
_INLINE_BYTES = 262_144
"""About 100 requests with bodies, a millisecond and a half of work; a thread for less costs more than it spares."""
_BURY_RETRY_S = 1.0


class _Read(msgspec.Struct, frozen=True):
    lines: list[Line]
    through: Place
    """Everything before this place is in `lines`, in those before, or is not for this target."""


def _parts(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """Messages in groups of some megabytes, so that what becomes of them stays small too."""
    begin, size = 0, 0
    for index, message in enumerate(messages):
        size += len(message.payload)
        if size >= _PART_BYTES:
            yield messages[begin : index + 1]
            begin, size = index + 1, 0
    if begin < len(messages):
        yield messages[begin:]


class Forward:
    """Forwards for as long as `run` is not cancelled. The sink is opened and closed by whoever made it."""

    def __init__(
        self,
        connection: LogConnection,
        tails: Tails,
        positions: Positions,
        target: SiemTarget,
        birth: Birth,
        sink: Sink,
    ) -> None:
        self.sent = 0
        """Events since the start."""
        self.reached: Place = START
        """Everything up to here is in the sink, or is not for it."""
        self._connection = connection
        self._tails = tails
        self._positions = positions
        self._key = key_of(target.tenant, target.id)
        self._tenant = None if target.all_tenants else target.tenant
        self._birth = birth
        self._sink = sink
        self._skip: set[Place] = set()
        self._restraint = Restraint()
        self._until: Place | None = None
        self._export = 0
        self._reads: asyncio.Queue[_Read] = asyncio.Queue(_AHEAD)
        self._waiting: deque[Line] = deque()
        self._through: Place = START
        self._saved: Place = START
        self._saved_at = 0.0
        self._sending = False
        self._leaving = False

    async def run(self) -> None:
        """
        Raises:
            Parked: it cannot go on without a person.
            OSError: the sink failed; run again with a new one.
        """
        await self._begin()
        feed = asyncio.create_task(self._feed())
        work = {feed, asyncio.create_task(self._pump())}
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except asyncio.CancelledError:
            self._leaving = True
            if self._sending:
                # what has arrived and is not written down would be sent again
                await asyncio.wait({feed}, timeout=LEAVE_S)
            raise
        finally:
            await end(work)

    async def _begin(self) -> None:
        """Finds the place to go on from: the furthest that anybody knows of."""
        stored = await self._positions.load(self._key)
        if stored is not None and stored.life != self._birth.life:
            stored = None
        opened = await self._sink.open(stored)
        if stored is not None:
            self._until, self._export = stored.until, stored.export
            self._saved = stored.place
        known = [place for place in (opened.reached, stored.place if stored else None) if place is not None]
        self._skip = set(opened.skip)
        self.reached = max(known, default=START)
        self._through = max(self.reached, opened.floor)
        if self._until is not None and self._until <= self._through:
            self._until = None
        last = await last_sequence(self._connection, "TRAFFIC")
        if self._through[0] > last + 1:
            raise Parked(
                f"its position is {self._through[0]}, but TRAFFIC ends at {last}: this is another log; give the target "
                "another file, or remove it and create it again"
            )
        if stored is None and not self._sink.durable:
            await self._save(force=True)
        log.info("event=siem_target_begins target=%s place=%d.%d", self._key, *self.reached)

    # --- reading

    async def _pump(self) -> None:
        from_birth = self.reached == START
        tail = self._tails.follow(
            "TRAFFIC",
            start=1 if from_birth else self.reached[0],
            start_time_us=self._birth.time_us if from_birth else 0,
        )
        floor = self._through
        try:
            async for batch in tail.batches(GATHER_S):
                for part in _parts(batch):
                    read = await self._read(part, floor)
                    await self._reads.put(read)
        finally:
            await tail.close()

    async def _read(self, messages: Sequence[Message], floor: Place) -> _Read:
        # encoding much at once takes long enough to be felt by other targets
        small = sum(len(message.payload) for message in messages) <= _INLINE_BYTES
        lines, damaged = self._lines(messages) if small else await asyncio.to_thread(self._lines, messages)
        faults = {fault.message.sequence: fault for fault in damaged}
        for message in messages if faults else messages[-1:]:
            fault = faults.get(message.sequence)
            if fault is None:
                self._restraint.applied()
                continue
            if wait_s := self._restraint.wait_s():
                log.error("event=siem_target_stopped target=%s in_a_row=%d reason=%s",
                          self._key, self._restraint.in_a_row, fault)  # fmt: skip
                await asyncio.sleep(wait_s)
            await self._bury(fault)
            self._restraint.gave_up()
        fresh = [line for line in after(lines, floor) if line.place not in self._skip]
        return _Read(fresh, (messages[-1].sequence + 1, -1))

    def _lines(self, messages: Sequence[Message]) -> tuple[list[Line], list[Damaged]]:
        lines: list[Line] = []
        damaged: list[Damaged] = []
        for message in messages:
            try:
                lines += lines_of(message, self._tenant)
            except Damaged as fault:
                damaged.append(fault)
        return lines, damaged

    async def _bury(self, damaged: Damaged) -> None:
        while True:
            try:
                await bury(self._connection, "siem", damaged.message, str(damaged))
                return
            except Unavailable as error:
                log.info("event=siem_bury_waits error=%s", error)
            await asyncio.sleep(_BURY_RETRY_S)

    # --- sending

    async def _feed(self) -> None:
        while not self._leaving:
            batch = await self._batch()
            if batch:
                self._sending = True
                if self._sink.repeats:
                    self._until = batch[-1].place
                    await self._save(force=True)
                self._export = max(self._export, await self._sink.send(batch))
                self.sent += len(batch)
                self.reached = batch[-1].place
            self._until = None
            if not self._waiting:
                self.reached = max(self.reached, self._through)
            await self._save(force=bool(batch) and not self._sink.durable)
            self._sending = False

    async def _batch(self) -> list[Line]:
        """The next batch; empty when something was read and nothing of it is for this target."""
        batch: list[Line] = []
        size = 0
        if not self._waiting:
            self._take(await self._reads.get())
            if not self._waiting and self._until is None:
                return batch
        deadline = time.monotonic() + self._sink.linger_s
        while True:
            while self._waiting and self._fits(self._waiting[0], len(batch), size):
                line = self._waiting.popleft()
                size += len(line.data)
                batch.append(line)
            if self._waiting or (self._until is not None and self._through > self._until):
                return batch
            read = await self._next(deadline)
            if read is None:
                return batch
            self._take(read)

    def _fits(self, line: Line, lines: int, size: int) -> bool:
        if self._until is not None:
            # the batch that was under way when the last run ended, with the bounds it had
            return line.place <= self._until
        return lines == 0 or (lines < self._sink.most_lines and size + len(line.data) <= self._sink.most_bytes)

    async def _next(self, deadline: float) -> _Read | None:
        """What was read next; None when the batch has waited long enough."""
        if not self._reads.empty():
            return self._reads.get_nowait()
        if self._until is not None:
            return await self._reads.get()
        wait = deadline - time.monotonic()
        if wait <= 0:
            return None
        try:
            async with asyncio.timeout(wait):
                return await self._reads.get()
        except TimeoutError:
            return None

    def _take(self, read: _Read) -> None:
        self._waiting.extend(read.lines)
        self._through = max(self._through, read.through)

    async def _save(self, *, force: bool) -> None:
        now = time.monotonic()
        if not force and (self.reached == self._saved or now - self._saved_at < SAVE_EVERY_S):
            return
        stored = Stored(life=self._birth.life, place=self.reached, until=self._until, export=self._export)
        await self._positions.save(self._key, stored)
        self._saved, self._saved_at = self.reached, now
