"""What the workers of one process have together: the ends of streams, and one fold of the configuration."""

from __future__ import annotations

import asyncio

from processors.history import PastConfig
from projections.live.config import OnChange
from projections.live.state import Changed
from projections.log.connection import LogConnection
from projections.log.tail import Tails


class Shared:
    """Everything is opened for the first who asks, and closed with the process. Nobody may change what others see."""

    def __init__(self, url: str, connection: LogConnection | None = None) -> None:
        """
        Args:
            url: of the log, for a connection of its own, which is opened when somebody asks for something.
            connection: instead of one of its own; it stays the caller's.
        """
        self.tails = Tails(url, connection)
        self._configuration: PastConfig | None = None
        self._starting = asyncio.Lock()
        self._told: list[OnChange] = []

    async def configuration(self, on_change: OnChange | None = None) -> PastConfig:
        """The configuration without the virtual keys, which no worker looks at, however many there are.

        Args:
            on_change: told of every change from now on, until `deaf`.

        Raises:
            Unavailable: the log has not answered.
        """
        async with self._starting:
            known = self._configuration
            if known is None or known.task is None or known.task.done():
                # one that is followed no more ends whoever watches it; who comes afterwards gets another
                known = await PastConfig.start(await self.tails.connection(), self._tell)
                self._configuration = known
        if on_change is not None:
            self._told.append(on_change)
        return known

    def deaf(self, on_change: OnChange) -> None:
        """Whoever listened is told no more."""
        if on_change in self._told:
            self._told.remove(on_change)

    async def close(self) -> None:
        if self._configuration is not None:
            await self._configuration.close()
        await self.tails.close()

    def _tell(self, changed: Changed) -> None:
        for told in tuple(self._told):
            told(changed)
