"""Facts of OPS: what operators and jobs did to the system itself."""

from __future__ import annotations

import msgspec


class ProjectionRebuilt(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A view was built anew from the log and put in the place of the old one."""

    projection: str
    version: int
    through_sequence: int
    rows: int
    duration_us: int


class OperatorActed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An operator used a command that reaches beyond configuration."""

    action: str
    detail: str


class ReaderCheckpointed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A reader that keeps its state in memory needs nothing up to here to build it again."""

    reader: str
    stream: str
    sequence: int


class StreamRange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All messages of a stream between two checkpoints."""

    stream: str
    after: int
    """Where the checkpoint before ended."""
    through: int
    """The position of the stream at this one; equal to `after` when nothing came."""
    messages: int
    root: bytes
    """Of the Merkle tree over these messages in their order, see `schemas.checkpoint.message_leaf`."""


class ChainHead(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How far a chain of segments has come."""

    stream: str
    chain: str
    """As `schemas.chain.chain_of` names it."""
    number: int
    hash: bytes
    """SHA-256 of the last segment."""
    sequence: int
    """Where it stands in the stream."""


class LogCheckpointed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the log held at one moment, signed: whoever keeps this can tell whether anything before it was changed.

    The root is that of a Merkle tree (RFC 6962) over the root of the checkpoint before, the ranges and the heads, see
    `schemas.checkpoint.leaves`. Chains that did not move since stand in an earlier checkpoint, to which this one is
    bound.
    """

    number: int
    """1 for the first."""
    time_us: int
    previous: bytes
    """Root of the checkpoint before; 32 zero bytes for the first."""
    ranges: tuple[StreamRange, ...]
    heads: tuple[ChainHead, ...]
    """Of all chains that moved since the checkpoint before, by stream and name."""
    root: bytes
    public_key: bytes
    """Ed25519 (RFC 8032), 32 bytes."""
    signature: bytes
    """64 bytes, of `schemas.checkpoint.statement`."""


class CheckpointAnnounced(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was signed of a checkpoint on OPS, told on TRAFFIC so that it has a place among what SIEMs get."""

    number: int
    time_us: int
    """Of the checkpoint."""
    leaves: int
    """In its tree."""
    root: bytes
    public_key: bytes
    """Ed25519 (RFC 8032), 32 bytes."""
    signature: bytes
    """64 bytes, of `schemas.checkpoint.statement`."""


class SubjectErased(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Nobody can open a data subject's bodies any more. The envelope says of which tenant, and who did it."""

    subject: str
    """The pseudonym."""
    reason: str
    keys: int
    """Data keys that there were; 0 when the subject had none, or an earlier try had got that far."""
    objects: int
    """Large bodies that were taken out of the object store."""


class MasterKeyRotated(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Another master key is in force; the old one opens nothing any more. The envelope says who did it."""

    old: str
    """Names of master keys tell nothing about them."""
    new: str
    data_keys: int
    """How many were wrapped anew."""
    left: int
    """Those that could not be."""
    overwritten: bool
    """Whether the old records' bytes are gone from the disk too."""


class SigningKeyRotated(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Checkpoints are signed with another key from now on, as the key before says. The envelope says who did it."""

    old: bytes
    """Ed25519 (RFC 8032), 32 bytes, like `new`."""
    new: bytes
    time_us: int
    signed_by_old: bytes
    """64 bytes, of `schemas.signing_keys.statement`: the old key lets the new one follow."""
    signed_by_new: bytes
    """The same: whoever says this has the new key."""


class SigningKeyAnnounced(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What stands on OPS of a handover, told on TRAFFIC before the first checkpoint that is signed with the new key."""

    handover: SigningKeyRotated


class Removed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How much of one kind went."""

    kind: str
    """`bodies`: data keys, each of a person and a week; `objects`: large bodies; `rows` and `findings`, in PostgreSQL;
    `rows_clickhouse`; `messages`: segments of the log."""
    count: int
    before_us: int
    """What was older than this went."""
    held: int = 0
    """What would have gone and stays, for a legal hold is in force."""


class RetentionApplied(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was older than a tenant's retention allows is gone. The envelope says of which tenant, and who asked."""

    removed: tuple[Removed, ...]
    """Only kinds of which something went, or is held."""
    duration_us: int


class ModelListFailed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An alert, once until it succeeds again: an account's models could not be had from its provider. The last list
    stays in force. The envelope says of which tenant."""

    account: str
    reason: str
    models: int
    """In that list; 0 when there is none."""


class PassthroughStood(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An alert, once a minute while it is so: requests may go around something. The envelope says of which tenant."""

    passthrough: str
    bypass: tuple[str, ...]
    scope: str
    target: str
    reason: str
    until_us: int
    """When it ends by itself."""


class SwitchTurned(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A kill switch or an emergency passthrough came, changed or went, as a fact on CONFIG says; told on TRAFFIC as
    well, so that it has a place among what SIEMs get."""

    kind: str
    """`kill` or `passthrough`."""
    id: str
    happened: str
    """`created`, `changed` or `removed`."""
    by: str
    """Who did it."""
    config_sequence: int
    """Of the fact on CONFIG."""
    scope: str = ""
    target: str = ""
    bypass: tuple[str, ...] = ()
    reason: str = ""
    until_us: int = 0
    """When a passthrough ends by itself."""
