"""Growth that is remembered must be the growth that would be found afresh."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from schemas.screening.passage import Passage

OVER = re.compile("[ab]*")


def _afresh(text: str, final: bool, mark: str, start: int, limit: int) -> int | None:
    end = start
    while end < min(len(text), start + limit) and text[end] in "ab":
        end += 1
    if mark and (at := text.find(mark, start, end)) >= 0:
        return at + len(mark)
    return None if end == len(text) and end < start + limit and not final else end


@given(
    text=st.text(alphabet="aab ", max_size=60),
    final=st.booleans(),
    mark=st.sampled_from(["", "b", "ba", "aba"]),
    asked=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=12),
    ordered=st.booleans(),
)
def test_what_is_remembered_changes_nothing(
    text: str, final: bool, mark: str, asked: list[tuple[int, int]], ordered: bool
) -> None:
    passage = Passage(text, final=final)
    for start, limit in sorted(asked) if ordered else asked:
        if start <= len(text):
            assert passage.grown("r", OVER, mark, start, limit) == _afresh(text, final, mark, start, limit)


class Counting:
    """A pattern that counts the characters it is asked to look at."""

    def __init__(self) -> None:
        self.looked = 0

    def match(self, text: str, begin: int, end: int) -> re.Match[str] | None:
        self.looked += min(end, len(text)) - begin
        return OVER.match(text, begin, end)


def test_overlapping_growth_looks_at_each_character_once() -> None:
    counting = Counting()
    passage = Passage("a" * 10_000, final=True)
    for start in range(0, 10_000, 2):
        passage.grown("r", counting, "", start, 4_000)  # type: ignore[arg-type]
    assert counting.looked <= 10_000
