"""Says on OPS that an operator did something that reaches beyond configuration. Nothing is done here."""

from __future__ import annotations

import getpass

from msgspec import Struct

from projections.log.connection import LogConnection
from projections.log.once import say_once
from schemas.facts.ops import OperatorActed
from schemas.facts.traffic import SYSTEM


async def record(connection: LogConnection, action: str, detail: str) -> int:
    """Returns the sequence on OPS once the fact is there for good: do the deed afterwards.

    Raises:
        Unavailable: the log does not take it.
    """
    return await tell(connection, OperatorActed(action, detail), "operator", actor=operator())


async def tell(
    connection: LogConnection, said: Struct, kind: str, *, actor: str, correlation: str = "", tenant: str = SYSTEM
) -> int:
    """The same for a fact of OPS that says more.

    Args:
        kind: last token of its subject.
        correlation: empty for one of its own.

    Raises:
        Unavailable: the log does not take it.
    """
    return await say_once(
        connection, said, kind, writer="operator", actor=actor, correlation=correlation, tenant=tenant
    )


def operator() -> str:
    """Whoever this process runs for."""
    try:
        return f"operator:{getpass.getuser()}"
    except (KeyError, OSError):
        return "operator"  # an account without a name
