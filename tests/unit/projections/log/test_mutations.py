"""A recorded log is changed at every place in every way: verification finds all of it. Signed checkpoints cover it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import pytest

from projections.log.checkpoints import Series
from projections.log.reader import Message
from projections.log.verify import StreamCheck
from projections.vault.signing import Signer
from schemas.checkpoint import SUBJECT, Gathering
from schemas.codec import decode_segment, encode_fact, encode_segment, fact, segment_hash
from schemas.envelope import GENESIS, Fact
from schemas.facts.ops import LogCheckpointed
from tests.integration.sample_log import START_US, Traffic

COUNT = 48
STREAM = "TRAFFIC"
SIGNER = Signer(bytes(range(32)))
BOOTS = ("b1", "b2", "b3")
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


SOURCE = Traffic()
WHOLE = written((BOOTS[at % 7 % 3] for at in range(COUNT)), (SOURCE.request() for _ in range(COUNT)))


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


SIGNED = checkpointed(WHOLE)
KNOWN = series(SIGNED)


def faults(log: Log, known: Series | None = KNOWN) -> list[str]:
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
    payload = encode_segment("traffic.0", "gateway", "b9", 1, GENESIS, [encode_fact(SOURCE.request()[0])])
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


def test_the_log_as_it_was_recorded_is_whole() -> None:
    assert KNOWN.flaws == [] and len(KNOWN.valid) == 5
    assert faults(WHOLE) == []
    assert faults(relinked(WHOLE)) == []


@pytest.mark.parametrize("name", MUTATIONS)
def test_every_change_is_found_wherever_it_is(name: str) -> None:
    unfound = [at for at in range(COUNT) if not faults(MUTATIONS[name](WHOLE, at))]
    assert unfound == []


@pytest.mark.parametrize("name", ["other facts", "deleted", "inserted", "reordered"])
def test_chains_that_were_made_to_fit_are_found_by_the_checkpoints_alone(name: str) -> None:
    made_to_fit = MUTATIONS[f"{name}, chains made to fit"]
    assert [faults(made_to_fit(WHOLE, at), known=None) for at in range(COUNT)] == [[]] * COUNT


def test_what_a_stream_has_forgotten_by_its_policy_is_no_fault() -> None:
    for first in range(2, COUNT + 1):
        check = StreamCheck(STREAM, forgets=True, first=first, checkpoints=KNOWN)
        found = [fault for message in WHOLE[first - 1 :] for fault in check.take(message)]
        assert found + check.end() == []


def bent(made: LogCheckpointed, name: str) -> LogCheckpointed:
    value = getattr(made, name)
    if isinstance(value, int):
        other: object = value + 1
    elif isinstance(value, bytes):
        other = bytes([value[0] ^ 1]) + value[1:]
    else:
        other = value[:-1]
    return msgspec.structs.replace(made, **{name: other})


@pytest.mark.parametrize("name", LogCheckpointed.__struct_fields__)
def test_no_field_of_a_checkpoint_can_be_changed(name: str) -> None:
    for at, made in enumerate(KNOWN.valid):
        changed = [*SIGNED[:at], as_message(bent(made, name)), *SIGNED[at + 1 :]]
        assert series(changed).flaws, at


def test_a_checkpoint_cannot_be_taken_out_doubled_or_signed_by_another() -> None:
    for at in range(len(SIGNED) - 1):
        assert series([*SIGNED[:at], *SIGNED[at + 1 :]]).flaws
        assert series([*SIGNED[: at + 1], *SIGNED[at:]]).flaws
    stranger = Signer(bytes(32))
    gathering = Gathering.after(KNOWN.valid[-1])
    foreign = as_message(gathering.close(START_US, stranger.public_key, stranger.sign))
    for trusted in (SIGNER.public_key, None):
        assert [flaw.detail for flaw in series([*SIGNED, foreign], trusted).flaws] == [
            "checkpoint 6: it is signed with another key"
        ]
    assert series([msgspec.structs.replace(SIGNED[0], payload=b"no segment")]).flaws
