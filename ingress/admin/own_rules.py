"""Tenants' own rules, compiled for dry runs. What is in force in gateways is theirs to know."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from projections.screening import CompiledPack, PackError, Screener
from projections.screening.compiled import extended
from projections.screening.compiling import compile_custom
from projections.screening.tenants import Screeners, rules_of
from schemas.errors import Unavailable
from schemas.screening.rules import version

_KEPT = 32


class Specs(Protocol):
    """What is needed of the live configuration."""

    def all_of(self, aggregate: str, tenant: str | None = None) -> Iterable[Any]: ...


class OwnRules:
    """Screeners for one thread at a time."""

    def __init__(self, live: Specs, screener: Callable[[], Screener]) -> None:
        """
        Args:
            screener: of the rules that come with Nexus; made when it is first needed.
        """
        self._live = live
        self._make = screener
        self._screeners: Screeners | None = None
        self._compiled: OrderedDict[str, CompiledPack] = OrderedDict()
        """By version."""

    async def of(self, tenant: str) -> CompiledPack | None:
        """The tenant's own rules; None when there are none.

        Raises:
            Unavailable: they cannot be compiled at the moment.
        """
        rules = rules_of(self._live.all_of("rule", tenant))
        if not rules:
            return None
        wanted = version(rules)
        if wanted not in self._compiled:
            try:
                self._compiled[wanted] = await compile_custom(rules)
            except PackError:
                raise Unavailable("The rules of this tenant are not ready.", code="screening_unavailable") from None
            if len(self._compiled) > _KEPT:
                self._compiled.popitem(last=False)
        return self._compiled[wanted]

    def screener(self, own: CompiledPack | None) -> Screener:
        """Of the rules that come with Nexus, and these. Blocks while it is first made."""
        if self._screeners is None:
            self._screeners = Screeners(self._make())
        built_in = self._screeners.built_in
        return built_in if own is None else self._screeners.of(extended(built_in.pack, own))
