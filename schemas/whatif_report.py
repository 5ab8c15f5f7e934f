"""The sum of what a candidate configuration changes, request by request. Pure; judging is in `whatif`."""

from __future__ import annotations

import msgspec

from schemas.facts.traffic import Terminal
from schemas.whatif import KINDS, OF_ACTION, Judgement, Recorded
from schemas.whatif_budgets import Budgets, Played
from schemas.whatif_rates import Rates


class Report:
    """The sum of judgements. Its size follows the configuration, not the traffic."""

    EXAMPLES = 20

    def __init__(self) -> None:
        self.requests = self.changed = self.cost_unknown = 0
        self.kinds = dict.fromkeys(KINDS, 0)
        self.not_judged: dict[str, int] = {}
        self.rules: dict[tuple[str, str], int] = {}
        """Kind of screening's end and the rule behind it to requests; of what passes now, the rule that was behind."""
        self.rerouted: dict[tuple[str, str], int] = {}
        """From a model to a model."""
        self.costs: dict[tuple[str, str], list[int]] = {}
        """Tenant and model to requests, micro-dollars as recorded, and with the candidate."""
        self.budgets = Budgets()
        self.rates = Rates()
        self.examples: list[tuple[Recorded, Judgement]] = []
        """The first ones on the log."""

    def add(self, recorded: Recorded, judgement: Judgement) -> None:
        before, after = judgement.before, judgement.after
        self.requests += 1
        self.changed += judgement.differs
        self.cost_unknown += not judgement.cost_known
        if judgement.not_judged:
            self.not_judged[judgement.not_judged] = self.not_judged.get(judgement.not_judged, 0) + 1
        for kind in judgement.kinds:
            self.kinds[kind] += 1
            if kind in OF_ACTION.values():
                place = (kind, after.rule or before.rule)
                self.rules[place] = self.rules.get(place, 0) + 1
            elif kind == "rerouted":
                move = (before.model, after.model)
                self.rerouted[move] = self.rerouted.get(move, 0) + 1
        if before.model or before.cost_micros:
            self._cost(recorded.tenant, before.model)[1] += before.cost_micros
        if after.model or after.cost_micros:
            sums = self._cost(recorded.tenant, after.model)
            sums[0] += 1
            sums[2] += after.cost_micros
        if judgement.differs:
            self._example(recorded, judgement)

    def play(self, rates: Rates, budgets: Budgets) -> None:
        """Takes in about whom rates of keys and budgets decide otherwise; once, after all requests."""
        self.rates, self.budgets = rates, budgets
        self._decided("over_rate", rates.refused, "in_rate", rates.room)
        self._decided("over_budget", budgets.refused, "in_budget", budgets.room)

    def _decided(self, over: str, refused: list[Played], within: str, room: list[Played]) -> None:
        for one in refused:
            if one.would.model or one.would.cost_micros:
                sums = self._cost(one.tenant, one.would.model)
                sums[0] -= 1
                sums[2] -= one.would.cost_micros
        for kind, played in ((over, refused), (within, room)):
            self.kinds[kind] += len(played)
            # who differed already is counted already
            self.changed += sum(not one.differed for one in played)
            for one in played:
                bare = Recorded(one.id, one.tenant, one.sequence, "", Terminal())
                self._again(bare, Judgement(one.before, one.after, (kind,)))

    def _again(self, recorded: Recorded, judgement: Judgement) -> None:
        """In the place of the example that there may be of the same request."""
        self.examples = [pair for pair in self.examples if pair[0].id != recorded.id]
        self._example(recorded, judgement)

    def _cost(self, tenant: str, model: str) -> list[int]:
        return self.costs.setdefault((tenant, model), [0, 0, 0])

    def _example(self, recorded: Recorded, judgement: Judgement) -> None:
        """Judgements may come in any order."""
        bare = msgspec.structs.replace(recorded, accepted=None, screened={}, end=_without_body(recorded.end))
        self.examples.append((bare, judgement))
        if len(self.examples) > 2 * self.EXAMPLES:
            self._cut()

    def _cut(self) -> None:
        self.examples.sort(key=lambda pair: (pair[0].sequence, pair[0].id))
        del self.examples[self.EXAMPLES :]

    def first_examples(self) -> list[tuple[Recorded, Judgement]]:
        self._cut()
        return self.examples


def _without_body(end: Terminal) -> Terminal:
    """An example is kept to the end; its body need not be."""
    return end if end.body is None else msgspec.structs.replace(end, body=None)
