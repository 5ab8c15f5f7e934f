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
