"""Gathers the evidence for one request from the log. How it is checked is in `schemas.evidence`."""

from __future__ import annotations

from projections.log.checkpoints import STREAM as CHECKPOINTS
from projections.log.checkpoints import checkpoints_in, read_handovers
from projections.log.connection import LogConnection
from projections.log.reader import Message, StreamReader
from schemas.checkpoint import SUBJECT, leaves, message_leaf
from schemas.codec import Malformed, decode_segment, segment_hash
from schemas.envelope import Position
from schemas.errors import Invalid, NotFound, Unavailable
from schemas.evidence import FORMAT, Evidence, SegmentProof, SignedRoot, covering
from schemas.facts.ops import LogCheckpointed
from schemas.facts.traffic import TERMINALS
from schemas.ids import millis_of
from schemas.merkle import inclusion_path, root_of

STREAM = "TRAFFIC"
_SKEW_MS = 5_000
"""The gateway's clock, which is in the id, may be ahead of the server's, which is in the messages."""


async def gather(connection: LogConnection, request: str) -> Evidence:
    """Everything needed to prove what TRAFFIC says about a request.

    Raises:
        ValueError: the id is not a UUIDv7.
        NotFound: TRAFFIC does not know the request, or no longer.
        Unavailable: no checkpoint covers all of it yet.
        Invalid: the log is not what was checkpointed.
    """
    since_us = max(millis_of(request) - _SKEW_MS, 1) * 1000
    segments = await _segments(connection, request, since_us)
    if not segments:
        raise NotFound(f"there is no request {request} in {STREAM}")
    made = await _covering(connection, segments, since_us)
    proofs = [proof for one in made for proof in await _proofs(connection, one, segments)]
    return Evidence(
        format=FORMAT,
        request=request,
        segments=tuple(proofs),
        checkpoints=tuple(_signed(one) for one in made),
        handovers=tuple(one for _, one in await read_handovers(connection)),
    )


async def _segments(connection: LogConnection, request: str, since_us: int) -> list[Message]:
    needle = request.encode()
    found = []
    async for batch in StreamReader(connection, STREAM, start_time_us=since_us).batches(follow=False):
        for message in batch:
            if needle not in message.payload:
                continue
            try:
                facts = [fact for fact in decode_segment(message.payload).facts if fact.correlation == request]
            except Malformed:
                continue
            if facts:
                found.append(message)
            if any(fact.type in TERMINALS for fact in facts):
                return found
    return found


async def _covering(connection: LogConnection, segments: list[Message], since_us: int) -> list[LogCheckpointed]:
    """The checkpoints that have the segments in their ranges, in order."""
    wanted = {Position(STREAM, message.sequence) for message in segments}
    found = []
    reader = StreamReader(connection, CHECKPOINTS, subjects=(SUBJECT,), start_time_us=since_us)
    async for batch in reader.batches(follow=False):
        for made in (one for message in batch for one in checkpoints_in(message.payload)):
            if made is None or not wanted:
                continue
            covered = {position for position in wanted if covering(made.ranges, position) is not None}
            if covered:
                wanted -= covered
                found.append(made)
    if wanted:
        raise Unavailable(
            "no checkpoint covers this request yet: the worker `checkpoint` writes one every minute, try again then",
            retry_after=60,
        )
    return found


async def _proofs(connection: LogConnection, made: LogCheckpointed, segments: list[Message]) -> list[SegmentProof]:
    mine = [message for message in segments if covering(made.ranges, Position(STREAM, message.sequence)) is not None]
    at = covering(made.ranges, Position(STREAM, mine[0].sequence))
    assert at is not None, "it was chosen because it covers them"
    part = made.ranges[at]
    hashes: list[bytes] = []
    index: dict[int, int] = {}
    async for batch in StreamReader(connection, STREAM, start=part.after + 1).batches(follow=False, until=part.through):
        for message in batch:
            index[message.sequence] = len(hashes)
            hashes.append(message_leaf(STREAM, message.sequence, segment_hash(message.payload)))
    if root_of(hashes) != part.root:
        raise Invalid(
            f"{STREAM} from {part.after + 1} to {part.through} is not what checkpoint {made.number} holds the root of; "
            "`nexus verify` says more"
        )
    tree = leaves(made.number, made.previous, made.ranges, made.heads)
    return [
        SegmentProof(
            stream=STREAM,
            sequence=message.sequence,
            payload=message.payload,
            index=index[message.sequence],
            path=inclusion_path(hashes, index[message.sequence]),
            after=part.after,
            through=part.through,
            messages=part.messages,
            range_root=part.root,
            range_index=1 + at,
            range_path=inclusion_path(tree, 1 + at),
            checkpoint=made.number,
        )
        for message in mine
    ]


def _signed(made: LogCheckpointed) -> SignedRoot:
    return SignedRoot(
        number=made.number,
        time_us=made.time_us,
        leaves=1 + len(made.ranges) + len(made.heads),
        root=made.root,
        public_key=made.public_key,
        signature=made.signature,
    )
