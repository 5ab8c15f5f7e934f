"""Screens whole texts. Streams are in `stream`, what placements share in `step`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from projections.screening.compiled import CompiledPack
from projections.screening.derived import Derived, derivations
from projections.screening.engine import Engine, encoded
from projections.screening.marks import Marker
from schemas.screening.examine import Examiner
from schemas.screening.model import DIRECTIONS, Hit, Rule, ScreeningPolicy, Verdict
from schemas.screening.passage import Passage
from schemas.screening.rules import SEPARATOR
from schemas.screening.tally import MAX_CANDIDATES, Tally, effective_action, effective_severity, verdict

_BY_THEMSELVES = ScreeningPolicy()
"""Nothing is changed about the rules."""

Found = tuple[int, int, int]
"""A rule's number, and the characters from where to where."""


class Actions:
    """What each rule does to texts that go one way under one policy, worked out for the rules that are met."""

    __slots__ = ("_known", "_policy", "_rules", "direction")

    def __init__(self, rules: Sequence[Rule], direction: str, policy: ScreeningPolicy) -> None:
        self._rules = rules
        self.direction = direction
        self._policy = policy
        self._known: dict[int, str] = {}

    def of(self, number: int) -> str:
        """Empty when it does nothing."""
        found = self._known.get(number)
        if found is None:
            policy = self._policy
            found = effective_action(self._rules[number], self.direction, policy.overrides, policy.disabled)
            self._known[number] = found
        return found

    def hit(self, number: int, text: int, start: int, end: int) -> Hit:
        """What is told of a rule that hit."""
        rule = self._rules[number]
        severity = effective_severity(rule, self._policy.severities)
        return Hit(rule.id, self.of(number), text, start, end, severity)


class Screener:
    """One pack, ready to scan. One per thread: it owns the scanner's scratch space."""

    def __init__(self, pack: CompiledPack, base: Screener | None = None) -> None:
        """
        Args:
            base: another one of the same thread, whose databases serve here as well, as far as they are the same.
        """
        self.pack = pack
        self.engine: Engine = Engine(pack, None if base is None else base.engine)
        self.clean: Verdict = verdict([], pack.version)
        """What every call answers that finds nothing."""
        self._detect = self.engine.detect
        self._marks = Marker().marks
        self._examiners: dict[int, Examiner] = {}

    def screen(self, texts: Sequence[str], direction: str, policy: ScreeningPolicy = _BY_THEMSELVES) -> Verdict:
        """The verdict on texts that go one way (`request`, `response`, `tool`). ValueError for another direction.

        Each text is judged by itself: what stands in one never changes what is found in another. What a text says
        once it is normalised counts as what it says (but if the policy's `normalize` is false): such a hit is where
        that stands in the text as it came. Time is linear in the length of the texts.

        Args:
            policy: what it changes about the rules; whether it has screening on, and what values it allows, is for
                `screen_step`.
        """
        if direction not in DIRECTIONS:
            raise ValueError(f"direction must be one of {', '.join(DIRECTIONS)}")
        # One scan over all texts answers the usual case. What it finds across a separator is no hit: only the scan of
        # each text by itself, below, says where hits are.
        data = encoded(texts[0] if len(texts) == 1 else SEPARATOR.join(texts))
        found = self._detect(data, direction)
        derived = self._derived(texts) if policy.normalize and self._marks(data) is not None else ()
        if not found and not derived:
            return self.clean
        actions = Actions(self.pack.rules, direction, policy)
        tally = Tally()
        known: set[tuple[int, int, int, int]] = set()
        wanted = {number for number in found if actions.of(number)}
        if wanted:
            counts = dict.fromkeys(wanted, 0)
            for index, text in enumerate(texts):
                for number, start, end in self._found(text, wanted, actions, counts, tally):
                    known.add((index, number, start, end))
                    tally.add(actions.hit(number, index, start, end))
        for index, number, start, end in self._found_derived(derived, actions, tally):
            if (index, number, start, end) not in known:
                known.add((index, number, start, end))
                tally.add(actions.hit(number, index, start, end))
        answer = tally.verdict(self.pack.version)
        return self.clean if answer.action == "approve" else answer

    def inside(self, text: str, depth: int, actions: Actions, tally: Tally) -> set[int]:
        """The numbers of the rules that hit what was decoded `depth` times, and whatever it may say itself."""
        whole = Derived(0, text, depth, None)
        derived = [whole, *derivations(whole, self._marks)]
        return {number for _, number, _, _ in self._found_derived(derived, actions, tally)}

    def examiner(self, number: int) -> Examiner:
        """The examiner of the rule of this number, made when it is first needed."""
        found = self._examiners.get(number)
        if found is None:
            found = self._examiners[number] = Examiner(self.pack.rules[number])
        return found

    def _derived(self, texts: Sequence[str]) -> list[Derived]:
        derived: list[Derived] = []
        for index, text in enumerate(texts):
            derived += derivations(Derived(index, text, 0, None), self._marks)
        return derived

    def _found_derived(
        self, derived: Sequence[Derived], actions: Actions, tally: Tally
    ) -> Iterator[tuple[int, int, int, int]]:
        """Hits in derived texts: the text's number, the rule's, and where in the text as it came."""
        if not derived:
            return
        found = self._detect(encoded(SEPARATOR.join(one.text for one in derived)), actions.direction)
        wanted = {number for number in found if actions.of(number)}
        for one in derived if wanted else ():
            for number, start, end in self._found(one.text, wanted, actions, dict.fromkeys(wanted, 0), tally):
                yield one.index, number, *one.original(start, end)

    def _found(
        self, text: str, wanted: Set[int], actions: Actions, counts: dict[int, int], tally: Tally
    ) -> Iterator[Found]:
        """Hits in one text as it stands, in order. `counts` goes on counting the candidates of each rule."""
        candidates: list[tuple[int, int, int]] = []
        for number, spans in self.engine.locate(text, encoded(text), wanted).items():
            allowed = MAX_CANDIDATES - counts[number]
            counts[number] += len(spans)
            if len(spans) > allowed:
                tally.leave_out(actions.of(number))
            candidates += ((start, -end, number) for start, end in spans[: max(0, allowed)])
        candidates.sort()
        decided: set[tuple[int, int]] = set()
        known: set[Found] = set()
        passage = Passage(text, final=True)
        for start, minus_end, number in candidates:
            if (number, start) in decided or tally.full(actions.of(number)):
                continue
            span = self.examiner(number).examine(passage, start, -minus_end)
            if not isinstance(span, tuple):
                continue
            decided.add((number, start))  # of several ends the longest that holds
            if (number, *span) not in known:
                known.add((number, *span))
                yield number, *span
