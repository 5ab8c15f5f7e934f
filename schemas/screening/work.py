"""What travels between a gateway and a compliance worker for the placement `stream`. Not part of the log."""

from __future__ import annotations

import msgspec

from schemas.screening.model import ScreeningPolicy


class ScreeningWork(msgspec.Struct, frozen=True, array_like=True):
    """A request for a verdict, which is the reply. MessagePack both ways, on `subjects.screening_work(tenant)`."""

    tenant: str
    request: str
    stage: str
    texts: tuple[str, ...]
    policy: ScreeningPolicy
    tools: tuple[int, ...] = ()
    """Which of the texts are of tools, by number."""
