"""Keys that are cut in two by the end of a message. What stands within one text is in `screener`.

Texts of one request that follow each other are read as one where the first ends and the second begins within a word,
and only for secrets: words and numbers of two texts side by side make sense too often by chance.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from projections.screening.screener import Screener
from projections.screening.tools import joined
from schemas.screening.model import Hit, ScreeningPolicy, Verdict
from schemas.screening.tally import place, verdict

REACH = 256
"""Characters of one text that are read with those of its neighbours."""
_MOST = 4 * REACH
_LEAST = 16
"""Characters that a secret has at least."""
_CATEGORIES = ("secret.", "private-key.")
_INSIDE = r"[A-Za-z0-9_+/=.~-]"
_HEAD = re.compile(f"{_INSIDE}{{1,{REACH}}}")
_ENDS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+/=.~-")


class Piece(NamedTuple):
    """Part of a text that is read with others: where it begins there, and in what is read."""

    text: int
    start: int
    at: int


def screen_seams(
    screener: Screener, texts: Sequence[str], direction: str, policy: ScreeningPolicy, found: Verdict
) -> Verdict:
    """The verdict `found` on these texts, and on secrets that stand across the ends of neighbours."""
    if not any(one[-1:] in _ENDS and other[:1] in _ENDS for one, other in itertools.pairwise(texts)):
        return found
    read = list(_seams(texts))
    if not read:
        return found
    wholes = [text for text, _ in read]
    answer = screener.screen(wholes, direction, policy)
    hits = [part for hit in answer.hits if hit.rule.startswith(_CATEGORIES) for part in _parts(hit, *read[hit.text])]
    return joined(found, verdict(sorted(hits, key=place), answer.pack)) if hits else found


def _seams(texts: Sequence[str]) -> Iterator[tuple[str, list[Piece]]]:
    """What is read across the ends of texts."""
    read = ""
    pieces: list[Piece] = []
    for index, text in enumerate(texts):
        if read and text and text[0] in _ENDS and len(read) < _MOST:
            head = _HEAD.match(text)
            assert head is not None
            pieces.append(Piece(index, 0, len(read)))
            read += head.group()
            if head.end() == len(text):
                continue  # nothing but one word: the next text may go on with it
        if len(pieces) > 1 and len(read) >= _LEAST:
            yield read, pieces
        read, pieces = "", []
        if text and text[-1] in _ENDS:
            tail = _HEAD.match(text[-REACH:][::-1])  # backwards, so that no word before it is looked at
            assert tail is not None
            start = len(text) - tail.end()
            read, pieces = text[start:], [Piece(index, start, 0)]
    if len(pieces) > 1 and len(read) >= _LEAST:
        yield read, pieces


def _parts(hit: Hit, read: str, pieces: list[Piece]) -> list[Hit]:
    """What of a hit lies in which text; nothing if it lies in one alone, where it has been looked for."""
    parts = []
    for piece, end in zip(pieces, [*(after.at for after in pieces[1:]), len(read)], strict=True):
        begin, limit = max(hit.start, piece.at), min(hit.end, end)
        if begin < limit:
            shift = piece.start - piece.at
            parts.append(Hit(hit.rule, hit.action, piece.text, begin + shift, limit + shift, hit.severity))
    return parts if len(parts) > 1 else []
