"""Evidence that facts of a request were recorded: its shape, and how it is checked without a server. Pure, no files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from schemas.checkpoint import message_leaf, range_leaf, statement
from schemas.codec import Malformed, decode_segment, open_fact, segment_hash
from schemas.envelope import Fact, Position
from schemas.facts.ops import SigningKeyRotated, StreamRange
from schemas.facts.traffic import TERMINALS
from schemas.merkle import is_included
from schemas.signing_keys import IsSigned, Line, line_of

FORMAT = "nexus-evidence-1"


class SegmentProof(msgspec.Struct, frozen=True, kw_only=True):
    """One message of the log and its way up to the root of a checkpoint. In JSON, bytes are in base64."""

    stream: str
    sequence: int
    payload: bytes
    """The whole segment as it stands on the log."""
    index: int
    """Which message of the range it is, from 0."""
    path: tuple[bytes, ...]
    """To the root of the range."""
    after: int
    through: int
    messages: int
    range_root: bytes
    range_index: int
    """Which leaf of the checkpoint's tree the range is."""
    range_path: tuple[bytes, ...]
    """To the root of the checkpoint."""
    checkpoint: int
    """Its number."""


class SignedRoot(msgspec.Struct, frozen=True, kw_only=True):
    """What was signed of a checkpoint."""

    number: int
    time_us: int
    leaves: int
    """In its tree."""
    root: bytes
    public_key: bytes
    """Ed25519."""
    signature: bytes


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    format: str
    request: str
    segments: tuple[SegmentProof, ...]
    checkpoints: tuple[SignedRoot, ...]
    handovers: tuple[SigningKeyRotated, ...] = ()
    """Of the signing key to the next, all there are: so that whoever knows one of the keys can follow the others."""


class Finding(msgspec.Struct):
    """What evidence proves."""

    facts: list[tuple[Position, Fact]]
    """Of the request, in the order of the log."""
    flaws: list[str]
    """Why it proves nothing; empty when it holds."""


def tenants_beside(evidence: Evidence) -> list[str]:
    """Tenants besides the request's own of whom the segments, which are proven as a whole, hold facts.

    Raises:
        Malformed: a segment cannot be read.
    """
    facts = [fact for proof in evidence.segments for fact in decode_segment(proof.payload).facts]
    own = {fact.tenant for fact in facts if fact.correlation == evidence.request}
    return sorted({fact.tenant for fact in facts} - own)


def encode(evidence: Evidence) -> bytes:
    return msgspec.json.format(msgspec.json.encode(evidence), indent=1) + b"\n"


def decode(data: bytes) -> Evidence:
    """Reads evidence.

    Whoever reads the file by other means is to see just what was checked: nothing may be in it twice, besides, left out
    or written in another form; only spaces and the order of names may differ.

    Raises:
        Malformed: it is none, or of a newer format, or says more or less than evidence does.
    """
    try:
        evidence = msgspec.json.decode(data, type=Evidence)
        told = json.loads(data, object_pairs_hook=_once)
        # numbers beyond 64 bits are none of the log
        msgspec.msgpack.encode(evidence)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError, json.JSONDecodeError) as error:
        raise Malformed(f"not a file of evidence: {error}") from None
    if evidence.format != FORMAT:
        raise Malformed(f"the format is {evidence.format[:40]!r}, known here is {FORMAT!r}")
    told.setdefault("handovers", [])  # files from before keys could follow each other have none
    if json.dumps(told, sort_keys=True) != json.dumps(msgspec.to_builtins(evidence), sort_keys=True):
        raise Malformed("something in it is no part of evidence, or is missing, or is not in the form it is written in")
    return evidence


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise msgspec.ValidationError("a name stands in it twice")
    return found


def examine(evidence: Evidence, is_signed: IsSigned, trusted: bytes | None = None) -> Finding:
    """Checks evidence as one who has nothing but it and, at best, the public key.

    That the facts are proved to be recorded does not say that there are no others of this request.

    Args:
        trusted: the public key that must have signed, or one that is bound to it by handovers; None when whose key it
            is will be judged by somebody else.
    """
    flaws = _unsigned_in(evidence, is_signed, trusted)
    roots = {one.number: one for one in evidence.checkpoints}
    if len(roots) != len(evidence.checkpoints):
        flaws.append("two checkpoints have one number")
    facts: list[tuple[Position, Fact]] = []
    before = Position("", 0)
    for proof in evidence.segments:
        position = Position(proof.stream, proof.sequence)
        if flaw := _unproved(proof, roots.get(proof.checkpoint)):
            flaws.append(f"{position}: {flaw}")
        if position <= before:
            flaws.append(f"{position}: it stands after {before}")
        before = position
        try:
            own = _facts(proof.payload, evidence.request)
        except Malformed as error:
            flaws.append(f"{position}: {error}")
            continue
        if not own:
            flaws.append(f"{position}: it tells nothing of the request")
        facts += [(position, fact) for fact in own]
    used = {proof.checkpoint for proof in evidence.segments}
    flaws += [f"checkpoint {number} proves nothing here" for number in roots if number not in used]
    here = {fact.id for _, fact in facts}
    for position, fact in facts:
        # every fact of a request but its first names the one before it, so that none can be left out
        if fact.causation and fact.causation not in here:
            flaws.append(f"{position}: {fact.type} follows from a fact that is not here")
    ends = sum(fact.type in TERMINALS for _, fact in facts)
    if ends != 1:
        flaws.append(f"the request has {ends} terminal facts, it must have one")
    return Finding(facts, flaws)


def _facts(payload: bytes, request: str) -> list[Fact]:
    found = [fact for fact in decode_segment(payload).facts if fact.correlation == request]
    for fact in found:
        open_fact(fact)
    return found


def covering(ranges: Sequence[StreamRange], position: Position) -> int | None:
    """Which of a checkpoint's ranges has a position in it."""
    for at, part in enumerate(ranges):
        if part.stream == position.stream and part.after < position.sequence <= part.through:
            return at
    return None


def _unsigned_in(evidence: Evidence, is_signed: IsSigned, trusted: bytes | None) -> list[str]:
    if not evidence.checkpoints:
        return []  # then nothing is proved, which is told of each segment
    anchor = trusted or evidence.checkpoints[0].public_key
    line = line_of(anchor, evidence.handovers, is_signed)
    flaws = [f"handover {at + 1} of the signing key is not one of this key's" for at in line.strays]
    if len(set(evidence.handovers)) != len(evidence.handovers):
        flaws.append("a handover of the signing key stands in it twice")
    return flaws + [flaw for one in evidence.checkpoints if (flaw := _unsigned(one, is_signed, line))]


def _unsigned(root: SignedRoot, is_signed: IsSigned, line: Line) -> str:
    if line.place(root.public_key) < 0:
        return f"checkpoint {root.number} is signed with another key"
    said = statement(root.number, root.time_us, root.leaves, root.root)
    return (
        ""
        if is_signed(root.public_key, root.signature, said)
        else f"the signature of checkpoint {root.number} is not right"
    )


def _unproved(proof: SegmentProof, root: SignedRoot | None) -> str:
    if root is None:
        return f"checkpoint {proof.checkpoint} is not here"
    leaf = message_leaf(proof.stream, proof.sequence, segment_hash(proof.payload))
    if not is_included(leaf, proof.index, proof.messages, proof.path, proof.range_root):
        return "it is not the segment that was checkpointed"
    part = StreamRange(proof.stream, proof.after, proof.through, proof.messages, proof.range_root)
    if not is_included(range_leaf(part), proof.range_index, root.leaves, proof.range_path, root.root):
        return f"its range is not in checkpoint {root.number}"
    return ""
