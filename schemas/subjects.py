"""Names on the log: how subjects are built and read. No other module may format a subject."""

from __future__ import annotations

import re
import zlib
from functools import lru_cache

_SAFE = re.compile(r"[A-Za-z0-9_-]+\Z")


def token(text: str) -> str:
    """One subject token for any text: letters, digits, `_` and `-` stay, every other byte becomes `=XX`.

    NATS forbids dots, blanks and wildcards in a token. An empty text becomes `=`.
    """
    if _SAFE.match(text):
        return text
    if not text:
        return "="
    return "".join(
        chr(byte) if (byte < 128 and (chr(byte).isalnum() or chr(byte) in "_-")) else f"={byte:02X}"
        for byte in text.encode()
    )


def untoken(text: str) -> str:
    """The text that `token` was given."""
    if "=" not in text:
        return text
    if text == "=":
        return ""
    parts = text.split("=")
    raw = parts[0].encode() + b"".join(bytes([int(part[:2], 16)]) + part[2:].encode() for part in parts[1:])
    return raw.decode()


def config(tenant: str, aggregate: str, identifier: str) -> str:
    """Subject of one aggregate."""
    return f"config.{token(tenant)}.{token(aggregate)}.{token(identifier)}"


def parse_config(subject: str) -> tuple[str, str, str]:
    """(tenant, aggregate, id) of a CONFIG subject.

    Raises:
        ValueError: the subject is not one of CONFIG.
    """
    try:
        kind, tenant, aggregate, identifier = subject.split(".")
    except ValueError:
        kind = ""
    if kind != "config":
        raise ValueError(f"not a subject of CONFIG: {subject}")
    if "=" not in subject:
        return tenant, aggregate, identifier
    return untoken(tenant), untoken(aggregate), untoken(identifier)


@lru_cache(maxsize=256)
def traffic(partition: int) -> str:
    return f"traffic.{partition}"


CHECKPOINTS = "traffic.checkpoint"
"""On TRAFFIC, beside its partitions: that a checkpoint stands on OPS."""
SWITCHES = "traffic.switch"
"""On TRAFFIC, beside its partitions: that a switch was turned on CONFIG."""
SWITCH_CONFIG = ("config.*.kill.*", "config.*.passthrough.*")
"""Of all switches there may be."""


def decisions(processor: str, tenant: str) -> str:
    return f"decisions.{token(processor)}.{token(tenant)}"


def decisions_of(processor: str) -> str:
    """What `decisions` gives for any tenant."""
    return f"decisions.{token(processor)}.*"


def ledger(tenant: str) -> str:
    return f"ledger.{token(tenant)}"


def ops(kind: str) -> str:
    return f"ops.{token(kind)}"


def export(tenant: str) -> str:
    return f"export.{token(tenant)}"


def dead(consumer: str) -> str:
    return f"dead.{token(consumer)}"


ALL_SCREENING_WORK = "work.screening.*"
"""What `screening_work` gives for any tenant."""


def screening_work(tenant: str) -> str:
    """Request/reply subject of the stream placement; plain NATS, not part of the log."""
    return f"work.screening.{token(tenant)}"


def retry_work(consumer: str) -> str:
    """Request/reply subject on which the worker behind a durable consumer is handed a message of DEAD; plain NATS."""
    return f"work.retry.{token(consumer)}"


def partition_of(tenant: str, request: str, partitions: int) -> int:
    """The TRAFFIC partition of a request: CRC-32 of tenant and request, so every fact of it stays in order."""
    if partitions == 1:
        return 0
    return zlib.crc32(f"{tenant}\x00{request}".encode()) % partitions
