"""What a checkpoint of the log commits to and signs, and how one is gathered message by message. Pure; no keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from schemas import subjects
from schemas.chain import chain_of
from schemas.codec import Malformed, decode_head, segment_hash
from schemas.envelope import GENESIS
from schemas.facts.ops import ChainHead, CheckpointAnnounced, LogCheckpointed, StreamRange
from schemas.merkle import leaf_hash, root_of

SUBJECT = subjects.ops("checkpoint")
LARGEST = 10_000
"""Messages between two checkpoints, so that one of many chains still fits into a message of the log."""

_encoder = msgspec.msgpack.Encoder()
Sign = Callable[[bytes], bytes]


def message_leaf(stream: str, sequence: int, digest: bytes) -> bytes:
    """Leaf hash of one message in the tree of its range.

    Args:
        digest: SHA-256 of the message's bytes.
    """
    return _leaf("message", stream, sequence, digest)


def range_leaf(part: StreamRange) -> bytes:
    """Leaf hash of a stream's range in the checkpoint's tree."""
    return _leaf("range", part.stream, part.after, part.through, part.messages, part.root)


def leaves(number: int, previous: bytes, ranges: tuple[StreamRange, ...], heads: tuple[ChainHead, ...]) -> list[bytes]:
    """Leaf hashes of a checkpoint's tree: the checkpoint before, the ranges, the heads. Range i is leaf 1 + i."""
    first = _leaf("previous", number - 1, previous)
    own = [_leaf("head", one.stream, one.chain, one.number, one.hash, one.sequence) for one in heads]
    return [first, *map(range_leaf, ranges), *own]


def statement(number: int, time_us: int, size: int, root: bytes) -> bytes:
    """What is signed: text, so that it can be checked with any tool.

    Args:
        size: leaves in the checkpoint's tree.
    """
    return f"nexus checkpoint v1\n{number}\n{time_us}\n{size}\n{root.hex()}\n".encode()


def statement_of(made: LogCheckpointed) -> bytes:
    return statement(made.number, made.time_us, 1 + len(made.ranges) + len(made.heads), made.root)


def announcement_of(made: LogCheckpointed) -> CheckpointAnnounced:
    """What of a checkpoint goes to those who keep roots elsewhere: enough to check the signature, nothing else."""
    leaves_of_it = 1 + len(made.ranges) + len(made.heads)
    return CheckpointAnnounced(made.number, made.time_us, leaves_of_it, made.root, made.public_key, made.signature)


def is_whole(made: LogCheckpointed) -> bool:
    """Whether the root is that of what the checkpoint says. The signature is not looked at."""
    return root_of(leaves(made.number, made.previous, made.ranges, made.heads)) == made.root


def gap(made: LogCheckpointed, before: LogCheckpointed | None) -> str:
    """Why a checkpoint does not follow from the one before; empty when it does."""
    number, previous, ends = 0, GENESIS, dict[str, int]()
    if before is not None:
        number, previous = before.number, before.root
        ends = {part.stream: part.through for part in before.ranges}
    if made.number != number + 1:
        return f"checkpoint {number + 1} must stand in its place"
    if made.previous != previous:
        return "it does not follow from the checkpoint before"
    for part in made.ranges:
        if part.after != ends.get(part.stream, 0):
            return f"{part.stream} begins after {part.after}, the checkpoint before ended at {ends.get(part.stream, 0)}"
    return ""


class Gathering:
    """Collects what the next checkpoint says, from the messages of streams in their order."""

    def __init__(self, number: int, previous: bytes, positions: Mapping[str, int]) -> None:
        """
        Args:
            number: of the checkpoint to come.
            previous: root of the one before.
            positions: of every stream that is covered, where that one ended.
        """
        self.number = number
        self.previous = previous
        self.messages = 0
        self.positions = dict(positions)
        """How far each stream was taken."""
        self._after = dict(positions)
        self._leaves: dict[str, list[bytes]] = {stream: [] for stream in positions}
        self._heads: dict[tuple[str, str], ChainHead] = {}

    @classmethod
    def after(cls, made: LogCheckpointed) -> Gathering:
        """For the checkpoint that follows another one."""
        return cls(made.number + 1, made.root, {part.stream: part.through for part in made.ranges})

    def take(self, stream: str, sequence: int, payload: bytes) -> None:
        """The next message of a stream; what was taken before is passed over."""
        if sequence <= self.positions[stream]:
            return
        digest = segment_hash(payload)
        self.positions[stream] = sequence
        self._leaves[stream].append(message_leaf(stream, sequence, digest))
        self.messages += 1
        try:
            head = decode_head(payload)
        except Malformed:
            return  # committed to as it is; `verify` names it
        name = stream, chain_of(stream, head)
        known = self._heads.get(name)
        if known is None or head.number > known.number:
            self._heads[name] = ChainHead(stream, name[1], head.number, digest, sequence)

    def close(self, time_us: int, public_key: bytes, sign: Sign) -> LogCheckpointed:
        """The checkpoint over all that was taken."""
        ranges = tuple(
            StreamRange(stream, self._after[stream], self.positions[stream], len(taken), root_of(taken))
            for stream, taken in sorted(self._leaves.items())
        )
        heads = tuple(head for _, head in sorted(self._heads.items()))
        tree = leaves(self.number, self.previous, ranges, heads)
        root = root_of(tree)
        signature = sign(statement(self.number, time_us, len(tree), root))
        return LogCheckpointed(self.number, time_us, self.previous, ranges, heads, root, public_key, signature)


def _leaf(*parts: Any) -> bytes:
    return leaf_hash(_encoder.encode(parts))
