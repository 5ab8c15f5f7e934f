"""A text pushed into a finder of segments piece by piece. Not a test itself."""

from __future__ import annotations

from schemas.screening.segments import Finder, Segment


def pushed(finder: Finder, text: str, sizes: list[int], longest: int) -> list[Segment]:
    """What it tells of a text in pieces of these sizes, of no more than `longest` characters that it holds back."""
    told: list[Segment] = []
    at = number = 0
    while at < len(text):
        size = sizes[number % len(sizes)]
        before = finder.open
        new = finder.push(text[at : at + size])
        assert all(segment.start >= before for segment in new)
        assert finder.held <= longest + size + 1
        told += new
        at, number = at + size, number + 1
    return told + finder.push("", final=True)
