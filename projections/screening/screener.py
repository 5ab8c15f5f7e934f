"""Screens whole texts. Streams are in `stream`, what placements share in `step`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from projections.screening.compiled import CompiledPack
from projections.screening.engine import Engine, encoded
from schemas.screening.examine import Examiner
from schemas.screening.model import DIRECTIONS, Hit, Verdict
from schemas.screening.passage import Passage
from schemas.screening.rules import SEPARATOR
from schemas.screening.tally import MAX_CANDIDATES, Tally, effective_action, verdict

_NO_OVERRIDES: Mapping[str, str] = {}
_NONE_DISABLED: frozenset[str] = frozenset()


class Screener:
    """One pack, ready to scan. One per thread: it owns the scanner's scratch space."""

    def __init__(self, pack: CompiledPack) -> None:
        self.pack = pack
        self.engine = Engine(pack)
        self.clean: Verdict = verdict([], pack.version)
        """What every call answers that finds nothing."""
        self._detect = self.engine.detect
        self._examiners: dict[int, Examiner] = {}

    def screen(
        self,
        texts: Sequence[str],
        direction: str,
        overrides: Mapping[str, str] | None = None,
        disabled: frozenset[str] = _NONE_DISABLED,
    ) -> Verdict:
        """The verdict on texts that go one way (`request`, `response`, `tool`). ValueError for another direction.

        Each text is judged by itself: what stands in one never changes what is found in another. Time is linear in
        the length of the texts.
        """
        if direction not in DIRECTIONS:
            raise ValueError(f"direction must be one of {', '.join(DIRECTIONS)}")
        # One scan over all texts answers the usual case. What it finds across a separator is no hit: only the scan of
        # each text by itself, below, says where hits are.
        found = self._detect(encoded(texts[0] if len(texts) == 1 else SEPARATOR.join(texts)))
        if not found:
            return self.clean
        actions = self.actions(found, direction, overrides or _NO_OVERRIDES, disabled)
        if not actions:
            return self.clean
        tally = Tally()
        counts = dict.fromkeys(actions, 0)
        for index, text in enumerate(texts):
            self._screen_text(index, text, actions, counts, tally)
        answer = tally.verdict(self.pack.version)
        return self.clean if answer.action == "approve" else answer

    def actions(
        self, rules: Sequence[int], direction: str, overrides: Mapping[str, str], disabled: frozenset[str]
    ) -> dict[int, str]:
        """What the rules of these numbers do under a policy; those that do nothing are left out."""
        mine = self.pack.rules
        pairs = ((number, effective_action(mine[number], direction, overrides, disabled)) for number in rules)
        return {number: action for number, action in pairs if action}

    def examiner(self, number: int) -> Examiner:
        """The examiner of the rule of this number, made when it is first needed."""
        found = self._examiners.get(number)
        if found is None:
            found = self._examiners[number] = Examiner(self.pack.rules[number])
        return found

    def _screen_text(
        self, index: int, text: str, actions: dict[int, str], counts: dict[int, int], tally: Tally
    ) -> None:
        candidates: list[tuple[int, int, int]] = []
        for number, spans in self.engine.locate(text, encoded(text), actions).items():
            allowed = MAX_CANDIDATES - counts[number]
            counts[number] += len(spans)
            if len(spans) > allowed:
                tally.leave_out(actions[number])
            candidates += ((start, -end, number) for start, end in spans[: max(0, allowed)])
        candidates.sort()
        decided: set[tuple[int, int]] = set()
        known: set[tuple[int, int, int]] = set()
        passage = Passage(text, final=True)
        for start, minus_end, number in candidates:
            action = actions[number]
            if (number, start) in decided or tally.full(action):
                continue
            span = self.examiner(number).examine(passage, start, -minus_end)
            if not isinstance(span, tuple):
                continue
            decided.add((number, start))  # of several ends the longest that holds
            if (number, *span) not in known:
                known.add((number, *span))
                tally.add(Hit(self.pack.rules[number].id, action, index, *span))
