"""Waiting until the views behind queries have reached a position of the log."""

from __future__ import annotations

from typing import Protocol

from schemas.envelope import Position
from schemas.errors import InvalidRequest, Unavailable

WAIT_S = 5.0


class View(Protocol):
    """Something that follows one stream."""

    async def reached(self, sequence: int, wait_s: float) -> bool:
        """Whether it got there in time."""
        ...


class Freshness:
    """Knows which view follows which stream."""

    def __init__(self, views: dict[str, View]) -> None:
        self._views = views

    async def wait(self, position: Position | None, wait_s: float = WAIT_S) -> None:
        """Returns once the view of the position's stream has reached it.

        Raises:
            InvalidRequest: no view here follows that stream.
            Unavailable: it did not get there in time.
        """
        if position is None:
            return
        view = self._views.get(position.stream)
        if view is None:
            raise InvalidRequest(
                f"X-Nexus-Position must be one of {', '.join(sorted(self._views))}", param="X-Nexus-Position"
            )
        if not await view.reached(position.sequence, wait_s):
            raise Unavailable(
                f"The view has not reached this position after {wait_s:g} seconds; ask again.",
                code="view_behind",
                retry_after=1,
            )
