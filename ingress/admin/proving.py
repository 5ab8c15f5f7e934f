"""Whether a tenant's own rule may be accepted: it compiles beside the others, and finds what its examples say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence

import msgspec

from ingress.admin.references import ConfigView
from ingress.admin.turns import Turns
from schemas.aggregates.decider import Create
from schemas.aggregates.rule import DECIDER, MOST_RULES, CustomRule
from schemas.errors import InvalidRequest
from schemas.screening.model import Rule

Prove = Callable[[Rule, Sequence[Rule]], Awaitable[list[str]]]
"""The problems of a rule beside others, see `projections.screening.compiling.prove`."""


class Proving:
    """Asked before a command on a rule is decided."""

    def __init__(self, prove: Prove, view: ConfigView, built_in: Collection[str]) -> None:
        """
        Args:
            built_in: ids of the rules that come with Nexus.
        """
        self._prove = prove
        self._view = view
        self._built_in = built_in
        self._turns = Turns()

    async def check(self, spec: msgspec.Struct) -> None:
        """
        Raises:
            InvalidRequest: the rule is not to be accepted; examples that fail are named by their numbers.
        """
        if not isinstance(spec, CustomRule):
            return
        if spec.id in self._built_in:
            raise InvalidRequest(
                "id is that of a rule that comes with Nexus; a policy can change what it does", param="id"
            )
        every = list(self._view.all_of("rule", spec.tenant))
        if spec in every:
            return
        DECIDER.decide(Create(spec), None)  # what can be told without compiling is told first
        others = [each for each in every if each.id != spec.id]
        if len(others) >= MOST_RULES:
            raise InvalidRequest(f"a tenant may have {MOST_RULES} rules of its own; delete one first", param="id")
        async with self._turns.of(spec.tenant):
            problems = await self._prove(spec.rule(), [each.rule() for each in others if each.enabled])
        if problems:
            raise InvalidRequest("rule: " + "; ".join(problems), param="hits" if "hit " in problems[0] else "misses")
