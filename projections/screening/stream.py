"""Screens a text that arrives in pieces. Whole texts are in `screener`."""

from __future__ import annotations

from projections.screening.engine import encoded
from projections.screening.screener import Screener
from schemas.screening.examine import UNDECIDED, Span, Undecided
from schemas.screening.model import DIRECTIONS, Hit, ScreeningPolicy, Verdict
from schemas.screening.passage import Passage
from schemas.screening.rules import MAX_LEFT
from schemas.screening.tally import MAX_CANDIDATES, Tally, effective_action, verdict

_TRIM_AT = 1_024
"""Characters that may be kept in vain, so that not every push copies the buffer."""


class StreamScreener:
    """One text in pieces. Any cut of the same text into pieces gives the same hits as `Screener.screen` on the whole.

    Memory is bounded by the longest possible match, not by the text. Where the number of hits exceeds what is
    recorded, the action is the same and the recorded hits may be others. Offsets count from the start of the text.
    """

    def __init__(self, screener: Screener, direction: str, policy: ScreeningPolicy | None = None) -> None:
        if direction not in DIRECTIONS:
            raise ValueError(f"direction must be one of {', '.join(DIRECTIONS)}")
        policy = policy or ScreeningPolicy()
        self._screener = screener
        self._direction = direction
        self._policy = policy
        self._pack = screener.pack.version if policy.enabled else ""
        self._clean = verdict([], self._pack)
        self._tally = Tally()
        self._actions: dict[int, str] = {}
        """Of the rules met so far; empty where a rule does nothing."""
        self._buffer = ""
        self._base = 0
        """Where in the text the buffer begins."""
        self._seen = 0
        """Candidates that end here or before are known."""
        self._pending: dict[tuple[int, int], list[int]] = {}
        """Rule number and start to the possible ends."""
        self._counts: dict[int, int] = {}
        self._known: set[tuple[int, int, int]] = set()
        self._finished = False

    @property
    def settled(self) -> int:
        """No hit still to come begins before this character: text up to here may be released."""
        horizon = min(self._seen + 1 - self._screener.pack.window, *(start for _, start in self._pending), self._end())
        return max(0, horizon - MAX_LEFT)

    @property
    def held(self) -> int:
        """Characters of the text that are kept because a hit may still need them."""
        return len(self._buffer)

    def push(self, text: str) -> Verdict:
        """The verdict on the hits that this piece settled. A match that may still grow waits for what follows it."""
        if self._finished:
            raise RuntimeError("the text has been finished: begin a new StreamScreener for another one")
        if not text or not self._policy.enabled:
            return self._clean
        self._buffer += text
        self._collect(final=False)
        new = self._decide(final=False) if self._pending else []
        self._trim()
        return self._tally.verdict_of(new, self._pack) if new else self._clean

    def finish(self) -> Verdict:
        """The verdict on the whole text: equal to that of `Screener.screen([whole])`."""
        if not self._finished:
            self._finished = True
            self._collect(final=True)
            self._decide(final=True)
            self._buffer = ""
        return self._tally.verdict(self._pack)

    def _end(self) -> int:
        return self._base + len(self._buffer)

    def _collect(self, *, final: bool) -> None:
        # A candidate at the very end may be one only because the text seems to end there, and one at the very start of
        # the window because it seems to begin there. So ends at the end wait for the next piece, and the window
        # reaches one character further back than any candidate with a new end can.
        limit = self._end() if final else self._end() - 1
        if limit <= self._seen:
            return
        begin = max(self._base, self._seen - self._screener.pack.window - 1)
        window = self._buffer[begin - self._base :]
        data = encoded(window)  # too short for a first scan to pay
        for rule, spans in self._screener.engine.locate(window, data).items():
            for start, end in spans if self._action(rule) else ():
                if self._seen < begin + end <= limit:
                    self._note(rule, begin + start, begin + end)
        self._seen = limit

    def _action(self, rule: int) -> str:
        found = self._actions.get(rule)
        if found is None:
            policy = self._policy
            one = self._screener.pack.rules[rule]
            found = effective_action(one, self._direction, policy.overrides, policy.disabled)
            self._actions[rule] = found
        return found

    def _note(self, rule: int, start: int, end: int) -> None:
        count = self._counts[rule] = self._counts.get(rule, 0) + 1
        if count > MAX_CANDIDATES:
            self._tally.leave_out(self._actions[rule])
        else:
            self._pending.setdefault((rule, start), []).append(end)

    def _decide(self, *, final: bool) -> list[Hit]:
        new: list[Hit] = []
        passage = Passage(self._buffer, final=final)
        waiting: set[int] = set()
        for rule, start in sorted(self._pending, key=_start):
            if rule in waiting or (not final and self._end() <= start + self._screener.examiner(rule).most):
                continue  # a longer end may follow
            action = self._actions[rule]
            span = None if self._tally.full(action) else self._examine(passage, rule, start)
            if span is UNDECIDED:
                waiting.add(rule)  # and so does whatever of this rule begins later
                continue
            del self._pending[rule, start]
            if isinstance(span, tuple) and (rule, *span) not in self._known:
                self._known.add((rule, *span))
                hit = Hit(self._screener.pack.rules[rule].id, action, 0, *span)
                if self._tally.add(hit):
                    new.append(hit)
        return new

    def _examine(self, passage: Passage, rule: int, start: int) -> Span | Undecided | None:
        examiner, base = self._screener.examiner(rule), self._base
        for end in sorted(self._pending[rule, start], reverse=True):
            span = examiner.examine(passage, start - base, end - base)
            if isinstance(span, tuple):
                return span[0] + base, span[1] + base
            if span is UNDECIDED:
                return UNDECIDED
        return None

    def _trim(self) -> None:
        pack = self._screener.pack
        needed = (
            min(self._seen - pack.window, *(start for _, start in self._pending), self._end()) - 2 - pack.left_reach
        )
        if needed - self._base > _TRIM_AT:
            self._buffer = self._buffer[needed - self._base :]
            self._base = needed


def _start(pending: tuple[int, int]) -> int:
    return pending[1]
