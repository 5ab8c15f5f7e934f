"""The ledger's side of the counters in Valkey. Only `processors.quota` writes through this."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import msgspec

from projections.valkey.scripts import SPENT, window_key
from projections.valkey.store import Argument, Script, Store

_SPENT = Script(SPENT)
_BATCH = 500


class WindowSpend(msgspec.Struct, frozen=True):
    """What the ledger says about one budget in one window."""

    tenant: str
    budget: str
    window: str
    sequence: int
    """Of the newest message of the tenant's ledger that is counted in."""
    spent: int
    """Micro-dollars."""
    applied: dict[str, int]
    """`writer/boot` to how much of its grants is in `spent`."""
    expires_us: int = 0
    """When the counters may be forgotten; 0 for never."""
    hold_ms: int = 0
    """For so long nobody is granted anything if the window was not known: gateways have to say first what they hold."""
    hold_known: bool = False
    """Hold even if the window was known."""


class SpentStore:
    """Writes absolute values: doing it twice, late or by two processes changes nothing."""

    def __init__(self, valkey_url: str, log: str = "") -> None:
        """
        Args:
            log: names the incarnation of the ledger, without blanks; sequences of another one do not compare.
        """
        self._store = Store(valkey_url)
        self._log = log

    async def write(self, windows: Sequence[WindowSpend]) -> None:
        """Sets every window unless it holds something newer.

        Raises:
            Unavailable: perhaps some were written; write them all again.
        """
        for first in range(0, len(windows), _BATCH):
            calls: list[tuple[str, list[Argument]]] = []
            for window in windows[first : first + _BATCH]:
                arguments: list[Argument] = [
                    self._log,
                    window.sequence,
                    window.spent,
                    window.hold_ms,
                    int(window.hold_known),
                    window.expires_us // 1000,
                ]
                for boot, applied in window.applied.items():
                    arguments += [boot, applied]
                calls.append((window_key(window.tenant, window.budget, window.window), arguments))
            await self._store.run_many(_SPENT, calls)

    async def epoch(self) -> str:
        """Changes whenever Valkey may have forgotten something; sets the mark when there is none.

        Raises:
            Unavailable: no answer.
        """
        found = await self._store.epoch()
        if not found:
            await self._store.set_mark(secrets.token_hex(8))
            found = await self._store.epoch()
        return found

    async def close(self) -> None:
        await self._store.close()
