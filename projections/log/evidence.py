"""Gathers the evidence for one request from the log. How it is checked is in `schemas.evidence`."""

from __future__ import annotations

from projections.log.api import call
from projections.log.checkpoints import STREAM as CHECKPOINTS
from projections.log.checkpoints import checkpoints_in, read_handovers
from projections.log.connection import LogConnection
from projections.log.reader import Message, StreamReader
from projections.log.trail import segments_with
from schemas.checkpoint import SUBJECT, leaves, message_leaf
from schemas.codec import segment_hash
from schemas.envelope import Position
from schemas.errors import Invalid, NotFound, Unavailable
from schemas.evidence import FORMAT, Evidence, SegmentProof, SignedRoot, covering
from schemas.facts.ops import LogCheckpointed
from schemas.merkle import inclusion_path, root_of

STREAM = "TRAFFIC"
_BEFORE_US = 5_000_000
"""The servers of a cluster do not have quite the same time."""


async def gather(connection: LogConnection, request: str) -> Evidence:
    """Everything needed to prove what TRAFFIC says about a request.

    Raises:
        ValueError: the id is not a UUIDv7.
        NotFound: TRAFFIC does not know the request, or no longer, or not all that its proof needs.
        Unavailable: no checkpoint covers all of it yet.
        Invalid: the log is not what was checkpointed.
    """
    segments = [message for message, _ in await segments_with(connection, request, far=True)]
    if not segments:
        raise NotFound(f"there is no request {request} in {STREAM}, or no more")
    # whoever wrote the checkpoint had read the segments: by the clock of the same server
    made = await _covering(connection, segments, max(segments[0].time_us - _BEFORE_US, 1))
    proofs = [proof for one in made for proof in await _proofs(connection, one, segments)]
    return Evidence(
        format=FORMAT,
        request=request,
        segments=tuple(proofs),
        checkpoints=tuple(_signed(one) for one in made),
        handovers=tuple(dict.fromkeys(one for _, one in await read_handovers(connection))),
    )


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
        kept = int((await call(connection, f"STREAM.INFO.{STREAM}"))["state"]["first_seq"])
        if part.after + 1 < kept:
            raise NotFound(
                f"{STREAM} keeps nothing before {kept} any more: what checkpoint {made.number} proves begins at "
                f"{part.after + 1}, so this request cannot be proven now; export evidence before retention takes it"
            )
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
