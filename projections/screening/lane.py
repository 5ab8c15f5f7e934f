"""Scans one text that arrives in pieces, as it stands. What else it may say is in `layer`, verdicts in `stream`."""

from __future__ import annotations

from projections.screening.engine import encoded
from projections.screening.screener import Actions, Found, Screener
from schemas.screening.examine import UNDECIDED, Span, Undecided
from schemas.screening.passage import Passage, Weighed
from schemas.screening.rules import MAX_LEFT
from schemas.screening.tally import MAX_CANDIDATES, Tally

_TRIM_AT = 1_024
"""Characters that may be kept in vain, so that not every push copies the buffer."""


class Lane:
    """The hits in one text. Offsets count from its start; memory is bounded by the longest possible match."""

    def __init__(self, screener: Screener, actions: Actions, tally: Tally) -> None:
        self._screener = screener
        self._tally = tally
        self._actions = actions
        self._buffer = ""
        self._base = 0
        """Where in the text the buffer begins."""
        self._seen = 0
        """Candidates that end here or before are known."""
        self._pending: dict[tuple[int, int], list[int]] = {}
        """Rule number and start to the possible ends."""
        self._counts: dict[int, int] = {}
        self._known: set[tuple[int, int, int]] = set()
        self._weighed: Weighed = {}

    @property
    def settled(self) -> int:
        """No hit still to come begins before this character."""
        horizon = min(self._seen + 1 - self._screener.pack.window, *(start for _, start in self._pending), self._end())
        return max(0, horizon - MAX_LEFT)

    @property
    def held(self) -> int:
        """Characters of the text that are kept because a hit may still need them."""
        return len(self._buffer)

    def copy(self) -> Lane:
        """Another one that has seen the same."""
        other = Lane(self._screener, self._actions, self._tally)
        other._buffer, other._base, other._seen = self._buffer, self._base, self._seen
        other._pending = {key: list(ends) for key, ends in self._pending.items()}
        other._counts = dict(self._counts)
        other._known = set(self._known)
        other._weighed = dict(self._weighed)
        return other

    def push(self, text: str, *, final: bool = False) -> list[Found]:
        """The hits that this piece settled. A match that may still grow waits for what follows it."""
        self._buffer += text
        self._collect(final=final)
        new = self._decide(final=final) if self._pending else []
        if not final:
            self._trim()
        return new

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
        data = encoded(window)
        engine = self._screener.engine
        for rule, spans in engine.locate(
            window, data, engine.detect(data, self._actions.direction), keywords=False
        ).items():
            for start, end in spans if self._actions.of(rule) else ():
                if self._seen < begin + end <= limit:
                    self._note(rule, begin + start, begin + end)
        self._seen = limit

    def _note(self, rule: int, start: int, end: int) -> None:
        count = self._counts[rule] = self._counts.get(rule, 0) + 1
        if count > MAX_CANDIDATES:
            self._tally.leave_out(self._actions.of(rule))
        else:
            self._pending.setdefault((rule, start), []).append(end)

    def _decide(self, *, final: bool) -> list[Found]:
        new: list[Found] = []
        passage = Passage(self._buffer, final=final, base=self._base, weighed=self._weighed)
        waiting: set[int] = set()
        for rule, start in sorted(self._pending, key=_start):
            if rule in waiting or (not final and self._end() <= start + self._screener.examiner(rule).most):
                continue  # a longer end may follow
            action = self._actions.of(rule)
            span = None if self._tally.full(action) else self._examine(passage, rule, start)
            if span is UNDECIDED:
                waiting.add(rule)  # and so does whatever of this rule begins later
                continue
            del self._pending[rule, start]
            if isinstance(span, tuple) and (rule, *span) not in self._known:
                self._known.add((rule, *span))
                new.append((rule, *span))
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
