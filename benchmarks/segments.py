"""A recorded log, signed over, and every way to change it at one place. Nothing here reads a stream or a disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from benchmarks.made import Requests
from projections.log.checkpoints import Series
from projections.log.reader import Message
from projections.log.verify import StreamCheck
from projections.vault.signing import Signer
from schemas.checkpoint import SUBJECT, Gathering
from schemas.codec import decode_segment, encode_fact, encode_segment, fact, segment_hash
from schemas.envelope import GENESIS, Fact
from schemas.facts.ops import LogCheckpointed

STREAM = "TRAFFIC"
START_US = 1_795_000_000_000_000
"""2026-11-18, some time of the day."""
BOOTS = ("b1", "b2", "b3")
SIGNER = Signer(bytes(range(32)))
SOURCE = Requests()
Log = list[Message]


def written(boots: Iterator[str], contents: Iterator[list[Fact]]) -> Log:
    """Segments of several writers that come in turns, each chain gap-free."""
    last: dict[str, tuple[int, bytes]] = {}
    log: Log = []
    for sequence, (boot, facts) in enumerate(zip(boots, contents, strict=True), 1):
        number, previous = last.get(boot, (0, GENESIS))
        encoded = [encode_fact(one) for one in facts]
        payload = encode_segment("traffic.0", "gateway", boot, number + 1, previous, encoded)
        last[boot] = number + 1, segment_hash(payload)
        log.append(Message(STREAM, sequence, "traffic.0", payload, START_US, f"gateway/{boot}/{number + 1}"))
    return log


def relinked(log: Log) -> Log:
    """What somebody does who can write the log and knows how chains are made: all of them fit together again."""
    segments = [decode_segment(message.payload) for message in log]
    return written((segment.boot for segment in segments), (list(segment.facts) for segment in segments))


def renumbered(log: Log) -> Log:
    return [msgspec.structs.replace(message, sequence=number) for number, message in enumerate(log, 1)]


def recorded(count: int) -> Log:
    """So many segments of a request each, of three writers in turns."""
    return written((BOOTS[at % 7 % 3] for at in range(count)), (SOURCE.facts() for _ in range(count)))


def checkpointed(log: Log, every: int = 10) -> list[Message]:
    """The messages of `ops.checkpoint` over a log."""
    gathering = Gathering(1, GENESIS, {STREAM: 0})
    found: list[Message] = []
    previous = GENESIS
    for message in log:
        gathering.take(STREAM, message.sequence, message.payload)
        if message.sequence % every == 0 or message is log[-1]:
            made = gathering.close(START_US + message.sequence, SIGNER.public_key, SIGNER.sign)
            found.append(as_message(made, previous))
            previous = segment_hash(found[-1].payload)
            gathering = Gathering.after(made)
    return found


def as_message(made: LogCheckpointed, previous: bytes = GENESIS) -> Message:
    said = fact(made, id="i", time=made.time_us, tenant="system", actor="worker:checkpoint", correlation="c")
    payload = encode_segment(SUBJECT, "checkpoint", "b", made.number, previous, [encode_fact(said)])
    return Message("OPS", made.number, SUBJECT, payload, START_US, "")


def series(messages: list[Message], trusted: bytes | None = SIGNER.public_key) -> Series:
    found = Series(trusted)
    for message in messages:
        found.take(message)
    return found


def faults(log: Log, known: Series | None) -> list[str]:
    """Kinds of what verification finds, with the checkpoints that are known."""
    check = StreamCheck(STREAM, forgets=False, checkpoints=known)
    found = [fault for message in log for fault in check.take(message)]
    return [fault.kind for fault in found + check.end()]


def with_payload(log: Log, at: int, payload: bytes) -> Log:
    return [*log[:at], msgspec.structs.replace(log[at], payload=payload), *log[at + 1 :]]


def one_bit(log: Log, at: int) -> Log:
    payload = bytearray(log[at].payload)
    payload[(at * 7_919) % len(payload)] ^= 1 << at % 8
    return with_payload(log, at, bytes(payload))


def other_facts(log: Log, at: int) -> Log:
    segment = decode_segment(log[at].payload)
    facts = [encode_fact(one) for one in segment.facts[:-1]]
    head = segment.subject, segment.writer, segment.boot, segment.number, segment.previous
    return with_payload(log, at, encode_segment(*head, facts))


def deleted(log: Log, at: int) -> Log:
    return [*log[:at], *log[at + 1 :]]


def doubled(log: Log, at: int) -> Log:
    return renumbered([*log[: at + 1], log[at], *log[at + 1 :]])


def forged(log: Log, at: int) -> Log:
    payload = encode_segment("traffic.0", "gateway", "b9", 1, GENESIS, [encode_fact(SOURCE.facts()[0])])
    return renumbered([*log[:at], msgspec.structs.replace(log[at], payload=payload), *log[at:]])


def swapped(log: Log, at: int) -> Log:
    other = (at + 1) % len(log)
    changed = list(log)
    changed[at], changed[other] = changed[other], changed[at]
    return renumbered(changed)


def truncated(log: Log, at: int) -> Log:
    return log[:at]


MUTATIONS: dict[str, Callable[[Log, int], Log]] = {
    "one bit": one_bit,
    "other facts": other_facts,
    "other facts, chains made to fit": lambda log, at: relinked(other_facts(log, at)),
    "deleted": deleted,
    "deleted, numbered anew": lambda log, at: renumbered(deleted(log, at)),
    "deleted, chains made to fit": lambda log, at: relinked(deleted(log, at)),
    "inserted twice": doubled,
    "inserted, a chain of its own": forged,
    "inserted, chains made to fit": lambda log, at: relinked(forged(log, at)),
    "reordered": swapped,
    "reordered, chains made to fit": lambda log, at: relinked(swapped(log, at)),
    "truncated": truncated,
}


def unfound(count: int) -> dict[str, list[int]]:
    """Every kind of change at every place of a log of so many segments: the places at which nothing was found."""
    whole = recorded(count)
    known = series(checkpointed(whole))
    assert not known.flaws and not faults(whole, known), "the log as it was recorded is whole"
    return {name: [at for at in range(count) if not faults(change(whole, at), known)]
            for name, change in MUTATIONS.items()}  # fmt: skip
