"""From all streams to checkpoints on OPS. One after the other, whoever writes them: none forks, none repeats."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from processors.checkpoint.announce import Announcer
from processors.checkpoint.append import append_next
from projections.log.checkpoints import STREAM, last_checkpoint
from projections.log.connection import LogConnection
from projections.log.noted import note, noted_in, stands
from projections.log.reader import Message, last_sequence
from projections.log.verify import SEGMENTED
from projections.vault.errors import BadMasterKey
from projections.vault.signing import Signer
from schemas import codec
from schemas.checkpoint import LARGEST, SUBJECT, Gathering, announcement_of
from schemas.envelope import GENESIS
from schemas.facts.ops import LogCheckpointed
from schemas.ids import Clock, Ids

log = logging.getLogger(__name__)

WRITER = "checkpoint"


class Checkpointer:
    """Gathers messages and writes checkpoints. The last one on the log is all it needs to know after a start."""

    def __init__(
        self,
        connection: LogConnection,
        signer: Signer,
        clock: Clock,
        ids: Ids,
        *,
        renewed: Callable[[], Signer] | None = None,
        directory: Path | None = None,
    ) -> None:
        """
        Args:
            renewed: looks, before each checkpoint, who signs now; None when that never changes.
            directory: where the newest checkpoint is noted; None for nowhere.
        """
        self.written = 0
        """Checkpoints, since this was made."""
        self._connection = connection
        self._signer = signer
        self._renewed = renewed
        self._directory = directory
        self._clock = clock
        self._ids = ids
        self._boot = ids.new()
        self._number = 0
        self._hash = GENESIS
        self._last = 0
        self._gathering = Gathering(1, GENESIS, dict.fromkeys(SEGMENTED, 0))
        self._announcer = Announcer(connection, clock, ids, WRITER, self._boot)
        self._turn = asyncio.Lock()
        self._moved = asyncio.Event()

    @property
    def positions(self) -> dict[str, int]:
        """How far each stream was taken."""
        return self._gathering.positions

    @property
    def gathered(self) -> int:
        """Messages since the last checkpoint."""
        return self._gathering.messages

    async def begin(self) -> None:
        """Goes on after the last checkpoint on the log.

        Raises:
            Unavailable: the log does not answer.
        """
        self._last, made = await last_checkpoint(self._connection)
        await self._announcer.begin(made)
        await self._recall()
        if made is None:
            self._gathering = Gathering(1, GENESIS, dict.fromkeys(SEGMENTED, 0))
            return
        gathering = Gathering.after(made)
        ends = {}
        for stream in SEGMENTED:
            through, end = gathering.positions.get(stream, 0), await last_sequence(self._connection, stream)
            if end < through:
                # not mended: `verify` tells of the loss for ever
                log.error("event=stream_cut stream=%s checkpointed=%d last=%d", stream, through, end)
            ends[stream] = min(through, end)
        self._gathering = Gathering(gathering.number, gathering.previous, ends)

    async def take(self, messages: Sequence[Message]) -> None:
        """The next messages of one stream; many lead to a checkpoint before its time.

        Raises:
            Overtaken: see there.
        """
        async with self._turn:
            for message in messages:
                self._gathering.take(message.stream, message.sequence, message.payload)
            self._moved.set()
            if self._gathering.messages >= LARGEST:
                await self._write()

    async def reach(self, ends: Mapping[str, int]) -> None:
        """Returns once each of these streams was taken up to its end."""
        while any(self.positions[stream] < last for stream, last in ends.items()):
            self._moved.clear()
            await self._moved.wait()

    async def write(self) -> LogCheckpointed:
        """Writes a checkpoint over all that was taken, and returns once the log has it.

        Raises:
            Overtaken: see there.
        """
        async with self._turn:
            return await self._write()

    async def _write(self) -> LogCheckpointed:
        self._renew()
        now_us = self._clock.now_us()
        made = self._gathering.close(now_us, self._signer.public_key, self._signer.sign)
        fact = codec.fact(
            made,
            id=self._ids.new(now_us),
            time=now_us,
            tenant="system",
            actor=f"worker:{WRITER}",
            correlation=f"checkpoint:{made.number}",
        )
        payload = codec.encode_segment(
            SUBJECT, WRITER, self._boot, self._number + 1, self._hash, [codec.encode_fact(fact)]
        )
        msg_id = f"{WRITER}/{self._boot}/{self._number + 1}"
        self._last = await append_next(self._connection, STREAM, SUBJECT, payload, msg_id, self._last)
        self._number += 1
        self._hash = codec.segment_hash(payload)
        self._gathering = Gathering.after(made)
        self.written += 1
        log.info("event=checkpointed number=%d root=%s", made.number, made.root.hex())
        await self._announcer.announce(made)
        self._note(made)
        return made

    async def _recall(self) -> None:
        """What was noted must be on the log; if it is not, the note stays as it is, so that `verify` tells for ever."""
        if self._directory is None:
            return
        try:
            known = noted_in(self._directory)
        except ValueError as error:
            log.error("event=checkpoint_note_unreadable error=%s", error)
            return
        if known is not None and not await stands(self._connection, known):
            log.error("event=log_set_back checkpoint=%d root=%s", known.number, known.root.hex())
            self._directory = None

    def _note(self, made: LogCheckpointed) -> None:
        if self._directory is None:
            return
        try:
            note(self._directory, announcement_of(made))
        except OSError as error:
            # the log has it; without the note only a log that was set back as a whole goes unseen
            log.warning("event=checkpoint_not_noted error=%s", type(error).__name__)

    def _renew(self) -> None:
        """Signs with the key that is in the place of the old one by now; while it cannot be read, as before."""
        if self._renewed is None:
            return
        try:
            signer = self._renewed()
        except (BadMasterKey, OSError) as error:
            log.error("event=signing_key_unreadable error=%s", error)
            return
        if signer.public_key != self._signer.public_key:
            log.info("event=signing_key_changed public_key=%s", signer.public_key.hex())
            self._signer = signer
