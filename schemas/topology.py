"""Streams, consumers, buckets and object stores as data. `ops` plans and applies the difference."""

from __future__ import annotations

import msgspec

DAY_S = 86_400
AGEING = ("TRAFFIC", "DECISIONS")
"""Streams whose age the retention of the installation decides; what is declared here holds until there is one."""


class Stream(msgspec.Struct, frozen=True):
    name: str
    subjects: tuple[str, ...]
    max_age_s: int = 0
    """0: kept for ever."""
    max_msg_bytes: int = 8 * 1024 * 1024
    duplicate_window_s: int = 120
    deny_delete: bool = True
    deny_purge: bool = True
    chain: str = "writer"
    """What its hash chains follow: `writer` (each writer's segments since its start) or `subject` (all segments of one
    subject: `number` is the version and `previous` the hash of the message before it there)."""


class Consumer(msgspec.Struct, frozen=True):
    """A durable pull consumer with explicit acknowledgement and no limit of deliveries: an outage is not poison.

    Deliveries carry headers only: their content is read from the stream itself.
    """

    name: str
    stream: str
    ack_wait_s: int = 30
    max_ack_pending: int = 4_096


class Bucket(msgspec.Struct, frozen=True):
    """A key-value bucket; with history 1, a purged key is gone.

    With history 1 a newer entry drops the older one without its bytes being overwritten. Where they must be, history is
    2: the older one stays until it is deleted by its number.
    """

    name: str
    history: int = 1
    ttl_s: int = 0
    deny_delete: bool = True
    """False where an entry must be overwritten on the disk when it goes: a purge leaves its bytes there. Only at its
    making can a bucket be told so."""


class ObjectStore(msgspec.Struct, frozen=True):
    name: str


class Topology(msgspec.Struct, frozen=True):
    streams: tuple[Stream, ...]
    consumers: tuple[Consumer, ...]
    buckets: tuple[Bucket, ...]
    object_stores: tuple[ObjectStore, ...]


VAULT = "vault"
"""Bucket of wrapped data keys; deleting one erases its subject."""
BODIES = "bodies"
"""Object store of sealed bodies over the inline limit."""
PACKS = "packs"
"""Object store of compiled rule packs."""
SIEM_POSITIONS = "siem-positions"
"""Bucket of how far every SIEM target is; without it a target would be sent things twice."""
WORKER_MARKS = "worker-marks"
"""Bucket of positions from which a worker may start to read without missing anything."""

STREAMS = (
    Stream("CONFIG", ("config.>",), chain="subject"),
    Stream("TRAFFIC", ("traffic.*",), max_age_s=90 * DAY_S),
    Stream("DECISIONS", ("decisions.*.*",), max_age_s=90 * DAY_S),
    Stream("LEDGER", ("ledger.*",), chain="subject"),
    Stream("OPS", ("ops.*",)),
    Stream("EXPORT", ("export.*",), max_age_s=30 * DAY_S),
    Stream("DEAD", ("dead.*",), deny_delete=False, deny_purge=False),
)

CONSUMERS = (
    Consumer("audit", "TRAFFIC"),
    Consumer("audit-findings", "DECISIONS"),
    Consumer("audit-spend", "LEDGER"),
    Consumer("audit-config", "CONFIG"),
    Consumer("analytics", "TRAFFIC"),
    Consumer("quota", "TRAFFIC"),
    Consumer("compliance", "TRAFFIC"),
)

EMBEDDED = Topology(
    streams=STREAMS,
    consumers=CONSUMERS,
    buckets=(Bucket(VAULT, history=2, deny_delete=False), Bucket(SIEM_POSITIONS), Bucket(WORKER_MARKS)),
    object_stores=(ObjectStore(BODIES), ObjectStore(PACKS)),
)
