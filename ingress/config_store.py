"""What is needed of the event store of CONFIG here. The store itself is in `projections.log.store`."""

from __future__ import annotations

from typing import Protocol

from schemas.aggregates.decider import Command, Decider, State


class Loaded(Protocol):
    """An aggregate as the log has it."""

    @property
    def state(self) -> State: ...

    @property
    def version(self) -> int: ...

    @property
    def sequence(self) -> int: ...


class Store(Protocol):
    """What is needed of the event store."""

    async def load(self, decider: Decider, tenant: str, id: str) -> Loaded: ...

    async def handle(
        self,
        decider: Decider,
        tenant: str,
        id: str,
        command: Command,
        *,
        actor: str,
        correlation: str,
        expected: int | None = None,
    ) -> Loaded: ...
