"""The names most like one that nothing has, found among very many without a long look at each. Pure."""

from __future__ import annotations

import difflib
import heapq
from collections.abc import Collection
from functools import lru_cache
from itertools import pairwise

MOST = 5_000
"""Names that are looked at."""
LOOKED_AT = 20
"""Names that are compared in full: each takes up to 0.2 ms from everybody else."""
LONGEST = 200
"""Characters of the wanted name that count."""


def likeliest(wanted: str, names: Collection[str], *, cutoff: float, most: int = 3) -> list[str]:
    """The best first, at least this like it (from 0 to 1, as `difflib` has it)."""
    wanted = wanted[:LONGEST]
    if len(names) > MOST:
        names = [name for name in names if name[:2] == wanted[:2]][:MOST]
    if len(names) > LOOKED_AT:
        pairs = _pairs.__wrapped__(wanted)
        names = heapq.nlargest(LOOKED_AT, sorted(names), key=lambda name: (_pairs(name) & pairs).bit_count())
    return difflib.get_close_matches(wanted, names, n=most, cutoff=cutoff)


@lru_cache(maxsize=16_384)
def _pairs(text: str) -> int:
    """A bit for each pair of neighbouring characters, and some for several."""
    found = 0
    for one, other in pairwise(text):
        found |= 1 << ((ord(one) * 31 + ord(other)) & 255)
    return found
