"""The switches as the gateway meets them: read from its memory at every request, in force as soon as they are there."""

from __future__ import annotations

from typing import Protocol

from ingress.gateway.authenticate import Caller
from projections.live.state import TenantView
from schemas.aggregates.kill import Kill
from schemas.aggregates.passthrough import Passthrough
from schemas.aggregates.route import Route
from schemas.errors import Forbidden
from schemas.facts.traffic import SYSTEM
from schemas.ids import Clock
from schemas.routing.choose import candidates
from schemas.switches import NOTHING, Bypass, bypassed, killed


class Configuration(Protocol):
    """What is needed of the live configuration."""

    tenants: dict[str, TenantView]


class Switches:
    """Asks the live configuration; a request that no switch is about pays for two look-ups."""

    def __init__(self, configuration: Configuration, clock: Clock) -> None:
        self._configuration = configuration
        self._clock = clock

    def admit(self, caller: Caller, route: Route | None = None) -> None:
        """Refuses what an operator has stopped.

        Args:
            route: when it is known; asked about without it first, before anything is read of the request.

        Raises:
            Forbidden: `kill_switch`. No client tries that again by itself, which is the point.
        """
        system, own = self._configuration.tenants.get(SYSTEM), caller.tenant.specs("kill")
        everybodys: dict[str, Kill] = {} if system is None else system.specs("kill")
        if not (own or everybodys):
            return
        for kills in (everybodys, own):
            if kills:
                found = killed(kills.values(), key=caller.key.id, route="" if route is None else route.id)
                if found is not None:
                    what = {"route": "this route", "key": "this key", "tenant": "this tenant"}.get(found.scope, "all")
                    raise Forbidden(
                        f"An operator has stopped {what} (kill switch `{found.id}`); ask them when it is lifted.",
                        code="kill_switch",
                    )

    def bypass(self, caller: Caller, route: Route, requested: str) -> Bypass:
        """What this request goes around, because of an emergency."""
        system, own = self._configuration.tenants.get(SYSTEM), caller.tenant.specs("passthrough")
        everybodys: dict[str, Passthrough] = {} if system is None else system.specs("passthrough")
        if not (own or everybodys):
            return NOTHING
        passthroughs = [*everybodys.values(), *own.values()]

        def accounts() -> list[str]:
            return [target.provider.id for target in candidates(caller.tenant.table, route, requested)]

        return bypassed(passthroughs, route=route.id, accounts=accounts, now_us=self._clock.now_us())
