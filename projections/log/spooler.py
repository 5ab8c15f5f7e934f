"""Moves a writer's backlog to disk when the log does not take it, and clears the files away afterwards."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from projections.log.backlog import Backlog, Formed
from projections.log.chain import Chain
from projections.log.spool import Record, SpoolFile, SpoolHead, leftovers, make_directory, new_head
from schemas.codec import Malformed, decode_written
from schemas.ids import Clock

_log = logging.getLogger(__name__)

SPOOL_AFTER_S = 0.5
"""So long facts wait for the log before those that may go to the spool."""
_ROTATE_BYTES = 64 * 1024 * 1024
_GATHER_S = 0.01
"""Between two writes: so long facts gather while the log is away."""
_STEP_BYTES = 16 * 1024 * 1024


class Spooler:
    """Group commit into files: while one sync runs, facts gather for the next.

    In spool mode, which begins when a fact has waited too long and ends with the next acknowledgement, facts go to disk
    at once. Everything that waits goes, in order, so that the files continue the chain without a gap. While the log
    takes what a file holds, new facts gather behind it in memory and go to disk only when they, too, have waited too
    long: in few large segments, so that the log catches up under any load that it could bear before.
    """

    def __init__(
        self, backlog: Backlog, clock: Clock, directory: Path, stream: str, limit: int, after_s: float = SPOOL_AFTER_S
    ) -> None:
        self.mode = False
        self.broken = False
        """The last try to write failed."""
        self.base_sequence = 0
        """What the log had acknowledged last; new files say so."""
        self._backlog = backlog
        self._clock = clock
        self._directory = directory
        self._stream = stream
        self._limit = limit
        self._after_s = after_s
        self._files: list[SpoolFile] = []
        self._current: SpoolFile | None = None
        self._turn = 0
        self._stopping = False
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.size for file in self._files)

    async def start(self) -> None:
        """Puts what former boots left in front of everything else.

        Raises:
            OSError: the directory cannot be made or read.
        """
        await asyncio.to_thread(make_directory, self._directory)
        for file, segments in await asyncio.to_thread(self._leftovers):
            _log.info("spool is drained file=%s segments=%d bytes=%d", file.path.name, len(segments), file.size)
            now = self._clock.monotonic()
            for segment in segments:
                segment.since = now
            file.unacknowledged = len(segments)
            self._files.append(file)
            self._backlog.adopt(segments)
        self._wake.set()
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"spooler {self._stream}")

    async def close(self) -> None:
        """Stops; files that still hold something are left for the next boot."""
        await self._stop()
        await self._clear()
        for file in self._files:
            file.close()

    def admits(self, size: int) -> bool:
        """Whether there is room for so many bytes more."""
        return not self.broken and self.size + self._backlog.size + size <= self._limit

    def check(self) -> None:
        """To be called every now and then: begins spool mode when it is time, and tries again after a failure."""
        backlog = self._backlog
        if backlog.spool_waits and self._clock.monotonic() - backlog.memory_since > self._after_s:
            self.mode = True
            self._wake.set()

    def kick(self) -> None:
        """Something was added that may be spooled."""
        if self.mode:
            self._wake.set()

    def acknowledged(self, segment: Formed, sequence: int) -> None:
        """The log has a segment."""
        if not self._backlog.chain.anew:
            # until then what waits may hold ends that are not to be written: whoever brings it there must learn so anew
            self.base_sequence = max(self.base_sequence, sequence)
        if segment.file is not None:
            segment.file.unacknowledged -= 1
            if segment.file.unacknowledged == 0:
                self._wake.set()
        self.mode = False

    async def write_all(self) -> bool:
        """Puts all that waits on disk, whether or not it asked for it: the process ends. False when that failed."""
        await self._stop()
        while self._backlog.in_memory:
            await self._write()
            if self.broken:
                return False
        return True

    async def _stop(self) -> None:
        """Ends the task at the next point where nothing is half done; a thread cannot be cancelled."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await asyncio.wait((self._task,))

    async def _run(self) -> None:
        while not self._stopping:
            await self._wake.wait()
            self._wake.clear()
            while self.mode and self._backlog.spool_waits and not self._stopping:
                await self._write()
                if self.broken:
                    break
                # an hour of outage is a few 100,000 segments then, which the log takes in a few minutes
                await asyncio.sleep(_GATHER_S)
            await self._clear()

    async def _write(self) -> None:
        backlog = self._backlog
        backlog.form_up_to(_STEP_BYTES)
        segments = backlog.unspooled()
        payloads = [segment.payload for segment in segments if segment.payload is not None]
        # of now: while the thread waits for its turn, the log may take some of them
        age_us = int(max(0.0, self._clock.monotonic() - backlog.since) * 1e6)
        head = new_head(
            self._stream, backlog.chain.writer, backlog.chain.boot, self.base_sequence, self._clock.now_us() - age_us
        )
        try:
            file, offsets = await asyncio.to_thread(self._append, head, payloads)
        except OSError as error:
            if not self.broken:
                _log.error("spool cannot be written directory=%s error=%s", self._directory, error.strerror)
            self.broken = True
            return
        self.broken = False
        for segment, offset, payload in zip(segments, offsets, payloads, strict=True):
            self._backlog.spooled(segment, file, offset, len(payload))

    def _append(self, head: SpoolHead, payloads: list[bytes]) -> tuple[SpoolFile, list[int]]:
        """In a thread."""
        file = self._current
        if file is None or file.size > _ROTATE_BYTES:
            self._turn += 1
            file = SpoolFile.create(self._directory, head, self._turn)
            self._current = file
            self._files.append(file)
        return file, file.append(payloads)

    def _leftovers(self) -> list[tuple[SpoolFile, list[Formed]]]:
        """In a thread."""
        chains: dict[str, Chain] = {}
        found = []
        for file, records in leftovers(self._directory, self._stream, self._backlog.chain.writer):
            head = file.head
            chain = chains.setdefault(
                head.boot,
                Chain(head.writer, head.boot, left=True, base_sequence=head.base_sequence, since_us=head.since_us),
            )
            found.append((file, [one for record in records if (one := _formed(file, record, chain)) is not None]))
        return found

    async def _clear(self) -> None:
        """Removes files whose segments are all in the log."""
        for file in [file for file in self._files if file.unacknowledged == 0]:
            self._files.remove(file)
            if file is self._current:
                self._current = None
            try:
                await asyncio.to_thread(file.remove)
            except OSError as error:
                # the next boot finds that all of it is stored, and tries again
                _log.warning("spool file stays file=%s error=%s", file.path.name, error.strerror)
                file.close()


def _formed(file: SpoolFile, record: Record, chain: Chain) -> Formed | None:
    try:
        written = decode_written(file.read(record.offset, record.size))
    except Malformed:
        file.damaged = True
        _log.error("spool record is no segment file=%s offset=%d", file.path.name, record.offset)
        return None
    segment = Formed(written.subject, chain, written.number, record.size)
    segment.file, segment.offset, segment.length = file, record.offset, record.size
    return segment
