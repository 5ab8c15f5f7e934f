"""One text that arrives in pieces with all that it may say: as it stands, decoded, folded. Verdicts are in `stream`."""

from __future__ import annotations

from projections.screening.lane import Lane
from projections.screening.screener import Actions, Found, Screener
from schemas.screening.codes import CODES
from schemas.screening.normalise import MAX_DEPTH, Change, Offsets, changes, stable
from schemas.screening.segments import BASE64, Finder
from schemas.screening.tally import Tally


class Layer:
    """A text that was derived `depth` times. Its folded form is a layer of its own, once it differs.

    Until it differs, both have seen the same: so the folded one begins as a copy, and plain texts are scanned once.
    """

    def __init__(self, screener: Screener, actions: Actions, tally: Tally, depth: int = 0) -> None:
        self._screener = screener
        self._actions = actions
        self._tally = tally
        self._depth = depth
        self._lane = Lane(screener, actions, tally)
        self._finders = [Finder(BASE64), Finder(CODES)]
        self._carry = ""
        """May become a unit with what follows, so nobody has seen it."""
        self._read = 0
        """Characters before the carry."""
        self._folded: Layer | None = None
        self._offsets = Offsets()

    @property
    def settled(self) -> int:
        """No hit still to come begins before this character."""
        settled = self._lane.settled
        if self._depth < MAX_DEPTH:
            settled = min(settled, self._read, *(finder.open for finder in self._finders))
        if self._folded is not None:
            settled = min(settled, self._offsets.start(self._folded.settled))
        return settled

    @property
    def held(self) -> int:
        """Characters that are kept, of all layers."""
        below = self._folded.held if self._folded is not None else 0
        return self._lane.held + sum(finder.held for finder in self._finders) + len(self._carry) + below

    def push(self, text: str, *, final: bool = False) -> list[Found]:
        """The hits that this piece settled; one may come twice."""
        if self._depth >= MAX_DEPTH:
            return self._lane.push(text, final=final)
        text = self._carry + text
        ready = len(text) if final else stable(text)
        self._carry = text[ready:]
        text = text[:ready]
        changed = [] if _plain(text) else changes(text)
        found: list[Found] = []
        begin = 0
        if changed and self._folded is None:
            # What may become a unit only once it is folded is not for the copy to have seen.
            begin = stable(text[: changed[0].start])
            found += self._own(text[:begin])
            self._folded = self._copy()
            text = text[begin:]
            changed = [Change(start - begin, end - begin, reading) for start, end, reading in changed]
            self._read += begin
        found += self._own(text, final=final)
        if self._folded is not None:
            self._offsets.add(changed, self._read)
            for rule, start, end in self._folded.push(_applied(text, changed), final=final):
                found.append((rule, self._offsets.start(start), self._offsets.end(end)))
            self._offsets.forget(self._folded.settled)
        self._read += len(text)
        return found

    def _own(self, text: str, *, final: bool = False) -> list[Found]:
        found = self._lane.push(text, final=final)
        for finder in self._finders:
            for segment in finder.push(text, final=final):
                inside = self._screener.inside(segment.text, self._depth + 1, self._actions, self._tally)
                found += ((rule, segment.start, segment.end) for rule in sorted(inside))
        return found

    def _copy(self) -> Layer:
        other = Layer(self._screener, self._actions, self._tally, self._depth + 1)
        other._lane = self._lane.copy()
        if other._depth < MAX_DEPTH:
            other._finders = [finder.copy() for finder in self._finders]
            other._read = other._finders[0].seen
        return other


def _plain(text: str) -> bool:
    return text.isascii() and "%" not in text and "&" not in text and "\\" not in text


def _applied(text: str, changed: list[Change]) -> str:
    parts: list[str] = []
    at = 0
    for start, end, reading in changed:
        parts += (text[at:start], reading)
        at = end
    parts.append(text[at:])
    return "".join(parts)
