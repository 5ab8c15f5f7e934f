"""Checks that the chains of segments in the log are whole. The rules are in `schemas.chain`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from projections.log.ageing import CLOCKS_US, shortest_age_us
from projections.log.api import STREAM_NOT_FOUND, ApiError, call
from projections.log.checkpoints import STREAM, Flaw, RangeCheck, Series
from projections.log.connection import LogConnection
from projections.log.counting import Counts, Unclosed
from projections.log.reader import Message, StreamReader
from schemas.chain import ChainFault, ChainState, chain_of
from schemas.codec import Malformed, decode_segment, segment_hash
from schemas.envelope import SegmentHead
from schemas.errors import NotFound
from schemas.topology import AGEING

SEGMENTED = ("CONFIG", "TRAFFIC", "DECISIONS", "LEDGER", "OPS")
"""The streams that consist of segments."""


class Fault(msgspec.Struct, frozen=True):
    """One place where the log is not what its writers wrote."""

    stream: str
    sequence: int
    """Of the message at which it shows; 0 when a chain as a whole falls short."""
    writer: str
    boot: str
    number: int
    kind: str
    """`changed`, `removed`, `inserted`, `reordered`, `cut`."""
    detail: str


class Report(msgspec.Struct):
    """What was read and what was wrong with it."""

    segments: int = 0
    facts: int = 0
    chains: int = 0
    faults: list[Fault] = []
    ranges: int = 0
    """Checkpointed ranges whose messages were held against the root that was signed."""
    unclosed: list[Unclosed] = []
    """Writers of requests that have not said that they stopped."""

    @property
    def ok(self) -> bool:
        return not self.faults


class Head(msgspec.Struct, frozen=True):
    """Where a chain had got to when somebody noted it elsewhere."""

    number: int
    hash: bytes
    sequence: int = 0
    """Where it stood; 0 when unknown. One that its stream has forgotten since, as its policy says, proves nothing."""


Progress = Callable[[str, int, int], None]
"""(stream, sequence reached, last sequence)."""


async def verify_chains(
    connection: LogConnection,
    streams: Sequence[str] = SEGMENTED,
    progress: Progress | None = None,
    heads: Mapping[tuple[str, str], Head] | None = None,
    checkpoints: Series | None = None,
    from_us: int = 0,
    to_us: int = 0,
    from_sequence: int = 0,
    to_sequence: int = 0,
    now_us: int = 0,
) -> Report:
    """Reads streams from their beginning to what is now their end.

    Args:
        from_us: begin with what was stored at this time, as if all before were forgotten; 0 for the beginning.
        to_us: end there; what chains and checkpoints say of later is left alone. 0 for the end.
        from_sequence, to_sequence: likewise as positions, both inclusive, in each of the streams.
        heads: by (stream, chain), heads noted earlier, such as those of a signed checkpoint: a chain that does not
            reach its head was cut off. Chains are named as by `schemas.chain.chain_of`.
        checkpoints: the signed ones; their heads count as `heads`, and what they cover must be what it was then, also
            where a chain was written anew so that it fits together.
        now_us: to tell what is gone by its age from what is gone before its time; 0 to believe the stream.

    Raises:
        NotFound: a stream does not exist.
        Unavailable: the log gives no answer.
    """
    report = Report()
    for stream in streams:
        first, last, forgets = await _extent(connection, stream)
        # what goes by age goes from the old end, never from the middle; a stream without an age keeps all
        begin = first if forgets else 1
        if from_us or from_sequence:
            # later than the end when nothing has come since: what was checkpointed there is gone
            since = (await _first_since(connection, stream, from_us) or last + 1) if from_us else 1
            first, forgets = max(first, since, from_sequence), True
            begin = max(first if from_us else from_sequence, begin)
        check = StreamCheck(stream, forgets, first=first, begin=begin, heads=heads, checkpoints=checkpoints)
        ended = False
        async for batch in StreamReader(connection, stream, start=first).batches(follow=False, until=last):
            if not check.segments and forgets and batch[0].sequence > first:
                # more may have grown old since the stream was asked, and by its own word has, or somebody took it
                first = max(first, (await _extent(connection, stream))[0])
                check = StreamCheck(
                    stream, forgets, first=first, begin=max(begin, first), heads=heads, checkpoints=checkpoints
                )
            for message in batch:
                ended = 0 < to_us < message.time_us or 0 < to_sequence < message.sequence
                if ended:
                    break
                report.faults += check.take(message)
            if ended:
                break
            if progress is not None:
                progress(stream, batch[-1].sequence, last)
        report.faults += check.passed(to_sequence) if ended else check.end(last)
        if forgets and first > 1 and checkpoints is not None and not (from_us or from_sequence):
            report.faults += await _too_young(connection, stream, first, checkpoints, now_us)
        report.ranges += check.ranges.checked
        report.segments += check.segments
        report.facts += check.facts
        report.chains += len(check.chains)
        report.unclosed += check.counts.unclosed()
    return report


async def _first_since(connection: LogConnection, stream: str, since_us: int) -> int:
    """Sequence of the first message that was stored at a time or after it; 0 when there is none."""
    reader = StreamReader(connection, stream, start_time_us=since_us, batch=1)
    async for batch in reader.batches(follow=False):
        return batch[0].sequence
    return 0


async def _too_young(
    connection: LogConnection, stream: str, first: int, checkpoints: Series, now_us: int
) -> list[Fault]:
    """What is missing before the first message and cannot have gone by its age."""
    if not now_us:
        return []
    old_us = now_us - await shortest_age_us(connection, stream) + CLOCKS_US
    reached = checkpoints.reached_after(stream, old_us)
    if reached is None or reached + 1 >= first:
        return []
    kept = reached + 1
    detail = f"{kept} to {first - 1} are not in the stream any more, before the time that retention gives them"
    return [Fault(stream, kept, "", "", 0, "removed", detail)]


class StreamCheck:
    """Follows all chains of one stream, message by message, and holds it against checkpoints. No I/O."""

    def __init__(
        self,
        stream: str,
        forgets: bool,
        *,
        first: int = 1,
        begin: int = 0,
        heads: Mapping[tuple[str, str], Head] | None = None,
        checkpoints: Series | None = None,
    ) -> None:
        """
        Args:
            forgets: old messages are gone as the policy says.
            first: the first sequence that the stream still keeps.
            begin: the first one that it must have; 0 for that of the first message.
            heads: as of `verify_chains`, and likewise the checkpoints.
        """
        self.segments = 0
        self.facts = 0
        self.chains: dict[str, ChainState] = {}
        self.counts = Counts()
        self.ranges = RangeCheck(stream, checkpoints.ranges(stream) if checkpoints else (), first)
        self._stream = stream
        self._forgets = forgets
        self._first = first
        self._next = begin
        self._heads = {**_heads_of(checkpoints), **(heads or {})}

    def take(self, message: Message) -> list[Fault]:
        """What is wrong with the next message of the stream."""
        self.segments += 1
        digest = segment_hash(message.payload)
        faults = self._missing(message.sequence)
        self._next = message.sequence + 1
        faults += [_flawed(self._stream, flaw) for flaw in self.ranges.take(message.sequence, digest)]
        return faults + self._follow(message, digest)

    def passed(self, sequence: int) -> list[Fault]:
        """What is wrong with what ends where reading was to end; of later nothing is said."""
        faults = self._missing(sequence + 1)
        return faults + [_flawed(self._stream, flaw) for flaw in self.ranges.passed(max(sequence, self._next - 1))]

    def end(self, last: int = 0) -> list[Fault]:
        """What is wrong with the stream as a whole, after its last message.

        Args:
            last: the sequence that the stream has given last; 0 when unknown.
        """
        faults = self._missing(last + 1)
        faults += [_flawed(self._stream, flaw) for flaw in self.ranges.end()]
        for (stream, chain), head in self._heads.items():
            if stream == self._stream and not 0 < head.sequence < self._first:
                faults += self._reaches(chain, head)
        return faults

    def _missing(self, sequence: int) -> list[Fault]:
        """A stream numbers its messages without a gap, so that one was left by somebody who deleted some."""
        since = self._next
        if sequence <= since or not since:
            return []
        what = f"{since} to {sequence - 1} are" if sequence - since > 1 else f"{since} is"
        return [Fault(self._stream, since, "", "", 0, "removed", f"{what} not in the stream any more")]

    def _follow(self, message: Message, digest: bytes) -> list[Fault]:
        try:
            segment = decode_segment(message.payload)
        except Malformed as error:
            return [Fault(self._stream, message.sequence, "", "", 0, "changed", str(error))]
        self.facts += len(segment.facts)
        head = SegmentHead(
            segment.format, segment.subject, segment.writer, segment.boot, segment.number, segment.previous
        )
        state = self.chains.setdefault(chain_of(self._stream, head), ChainState())
        fault = state.check(head, digest, sequence=message.sequence, may_begin_late=self._forgets)
        faults = [] if fault is None else [self._fault(message, head, fault)]
        if head.subject != message.subject:
            moved = ChainFault("changed", head.number, f"it was written to {head.subject}, not to {message.subject}")
            faults.append(self._fault(message, head, moved))
        # what is one segment too many is named as that; its requests are not its writer's a second time
        if self._stream == "TRAFFIC" and (fault is None or fault.kind != "inserted"):
            lack = self.counts.take(segment, message.sequence, message.time_us)
            if lack is not None:
                faults.append(self._fault(message, head, lack))
        return faults

    def _reaches(self, chain: str, head: Head) -> list[Fault]:
        """Whether a chain goes as far as it once did."""
        state = self.chains.get(chain, ChainState())
        fault = state.ends_before(head.number, head.hash)
        if fault is None:
            return []
        writer, _, boot = chain.partition("/")
        return [Fault(self._stream, state.sequence, writer, boot, fault.number, fault.kind, fault.detail)]

    def _fault(self, message: Message, head: SegmentHead, fault: ChainFault) -> Fault:
        return Fault(self._stream, message.sequence, head.writer, head.boot, fault.number, fault.kind, fault.detail)


def _heads_of(checkpoints: Series | None) -> dict[tuple[str, str], Head]:
    if checkpoints is None:
        return {}
    return {name: Head(head.number, head.hash, head.sequence) for name, head in checkpoints.heads().items()}


def faults_of(checkpoints: Series) -> list[Fault]:
    """What is wrong with the checkpoints themselves."""
    return [_flawed(STREAM, flaw) for flaw in checkpoints.flaws]


def _flawed(stream: str, flaw: Flaw) -> Fault:
    return Fault(stream, flaw.sequence, "checkpoint", "", flaw.checkpoint, flaw.kind, flaw.detail)


async def _extent(connection: LogConnection, stream: str) -> tuple[int, int, bool]:
    """(first and last sequence, whether old messages are gone as the policy says: then chains may lack beginnings)."""
    try:
        info = await call(connection, f"STREAM.INFO.{stream}")
    except ApiError as error:
        if error.number == STREAM_NOT_FOUND:
            raise NotFound(f"stream {stream} does not exist") from error
        raise
    state = info["state"]
    # a hold takes the limit away, and does not bring back what had grown old before
    ages = stream in AGEING or bool(info["config"].get("max_age", 0))
    return state["first_seq"], state["last_seq"], ages and state["first_seq"] > 1
