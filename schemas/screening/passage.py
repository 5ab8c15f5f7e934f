"""A text under examination, with what is known of how far matches grow in it. Pure.

Candidates may stand so close that their growth overlaps thousands of times over. What one of them found out is kept
for the next, so that each character is looked at once a rule and time stays linear.
"""

from __future__ import annotations

import re

Weighed = dict[str, tuple[int, int]]
"""By rule, counted from where the stream began: surroundings of candidates before this have been weighed, and hits
have told what stands before that. By weights: before this, surroundings score that at most."""
_NOTHING = (0, 0)


class _Run:
    """What one rule knows: it may grow from `begin` to `end`; no end mark begins from `searched` up to `unmarked`."""

    __slots__ = ("begin", "end", "mark", "searched", "stopped", "unmarked")

    def __init__(self, begin: int) -> None:
        self.begin = self.end = self.searched = self.unmarked = begin
        self.stopped = False
        """The character at `end` is known not to belong."""
        self.mark = False
        """An end mark begins at `unmarked`."""


class Passage:
    """One text, or as much of a stream as is kept. `final`: nothing follows."""

    __slots__ = ("_base", "_runs", "_weighed", "final", "text")

    def __init__(self, text: str, *, final: bool, base: int = 0, weighed: Weighed | None = None) -> None:
        """
        Args:
            base: where in the stream the text begins.
            weighed: what `weigh` has noted of the stream before.
        """
        self.text = text
        self.final = final
        self._base = base
        self._weighed: Weighed = {} if weighed is None else weighed
        self._runs: dict[str, _Run] = {}

    def grown(self, rule: str, over: re.Pattern[str], mark: str, start: int, limit: int) -> int | None:
        """Where a match of the rule that ends at `start` ends once it has grown by at most `limit` characters.

        `over` matches any number of the characters it may grow over; a `mark`, if not empty, ends the growth just
        after itself. None if text that is still to come decides that.
        """
        run = self._runs.get(rule)
        if run is None or not run.begin <= start <= run.end:
            run = self._runs[rule] = _Run(start)
        target = start + limit
        if not run.stopped and run.end < target:
            found = over.match(self.text, run.end, target)
            run.end = found.end() if found else run.end
            run.stopped = run.end < target and run.end < len(self.text)
        end = min(run.end, target)
        if mark and self._marked(run, mark, start, end):
            return run.unmarked + len(mark)
        if end < target and not run.stopped and not self.final:
            return None
        return end

    def weighed(self, rule: str, start: int) -> bool:
        """Whether the surroundings of a candidate that begins there have been weighed, with those of one before it."""
        return self._base + start < self._weighed.get(rule, _NOTHING)[0]

    def told(self, rule: str) -> int:
        """Where what the last hit told ends; before the text, if nothing was."""
        return self._weighed.get(rule, _NOTHING)[1] - self._base

    def weigh(self, rule: str, end: int, told: int | None = None) -> None:
        """Notes that the surroundings of candidates that begin before `end` have been weighed, and what that told."""
        self._weighed[rule] = (self._base + end, self._base + (self.told(rule) if told is None else told))

    def cleared(self, weights: str, start: int) -> int | None:
        """What surroundings of candidates that begin there score at most; None if nobody has weighed them by these."""
        until, score = self._weighed.get(weights, _NOTHING)
        return score if self._base + start < until else None

    def clear(self, weights: str, end: int, score: int) -> None:
        """Notes that no surroundings of candidates that begin before `end` score more by these weights."""
        self._weighed[weights] = (self._base + end, score)

    def _marked(self, run: _Run, mark: str, start: int, end: int) -> bool:
        if not run.searched <= start <= run.unmarked:
            run.searched = run.unmarked = start
            run.mark = False
        if not run.mark:
            at = self.text.find(mark, run.unmarked, end)
            run.mark = at >= 0
            run.unmarked = at if run.mark else max(run.unmarked, end - len(mark) + 1)
        return run.mark and run.unmarked + len(mark) <= end
