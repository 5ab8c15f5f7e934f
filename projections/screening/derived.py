"""What a whole text says besides what it is: its folded form, its decoded segments, and theirs. No rules here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from projections.screening.engine import encoded
from projections.screening.marks import Marks
from schemas.screening.codes import CODES
from schemas.screening.normalise import MAX_DEPTH, Offsets, changes, fold
from schemas.screening.segments import Finder, Segment, segments


class Derived:
    """A text that came out of another one, and how to find back to the text that came."""

    __slots__ = ("_offsets", "_segment", "_source", "depth", "index", "text")

    def __init__(
        self, index: int, text: str, depth: int, source: Derived | None, segment: Segment | None = None
    ) -> None:
        self.index = index
        """The number of the text that came."""
        self.text = text
        self.depth = depth
        """How often something was undone."""
        self._source = source
        self._segment = segment
        """What was decoded; None where the source was folded."""
        self._offsets: Offsets | None = None

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Where in the text that came these characters stand; the whole segment if they were decoded out of one."""
        if self._source is None:
            return start, end
        if self._segment is not None:
            return self._source.original(self._segment.start, self._segment.end)
        if self._offsets is None:
            self._offsets = Offsets()
            self._offsets.add(changes(self._source.text))
        return self._source.original(self._offsets.start(start), self._offsets.end(end))


def derivations(source: Derived, marks_of: Callable[[bytes], Marks | None]) -> Iterator[Derived]:
    """All that comes out of a text, up to `MAX_DEPTH` times."""
    if source.depth >= MAX_DEPTH:
        return
    data = encoded(source.text)
    marks = marks_of(data)
    if marks is None:
        return
    depth = source.depth + 1
    if marks.folds:
        folded = fold(source.text)
        if folded != source.text:
            one = Derived(source.index, folded, depth, source)
            yield one
            yield from derivations(one, marks_of)
    found = segments(source.text, _characters(source.text, data, marks.runs))
    if marks.codes:
        found += Finder(CODES).push(source.text, final=True)
    for segment in found:
        one = Derived(source.index, segment.text, depth, source, segment)
        yield one
        yield from derivations(one, marks_of)


def _characters(text: str, data: bytes, offsets: list[int]) -> list[int]:
    """Byte offsets, in order, as offsets in characters."""
    if len(text) == len(data):
        return offsets
    found = []
    characters = previous = 0
    for offset in offsets:
        characters += len(data[previous:offset].decode("utf-8", "surrogatepass"))
        found.append(characters)
        previous = offset
    return found
