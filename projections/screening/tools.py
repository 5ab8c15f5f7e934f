"""Texts of tools, which rules for tools are about besides those for the way they go. Whole ones and streamed ones."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from projections.screening.screener import Screener
from projections.screening.stream import StreamScreener
from schemas.screening.allowing import ValueHash
from schemas.screening.model import TOO_MANY_HITS, Hit, ScreeningPolicy, Verdict, strictness
from schemas.screening.tally import place, verdict

TOOL = "tool"


def screen_both(
    screener: Screener, texts: Sequence[str], direction: str, policy: ScreeningPolicy, tools: Sequence[int]
) -> Verdict:
    """The verdict on texts some of which, by number, are of tools: those are held against both kinds of rules."""
    first = screener.screen(texts, direction, policy)
    second = screener.screen([texts[at] for at in tools], TOOL, policy)
    if second.action == "approve":
        return first
    hits = [msgspec.structs.replace(hit, text=tools[hit.text]) for hit in second.hits]
    return joined(first, msgspec.structs.replace(second, hits=tuple(hits)))


def joined(first: Verdict, second: Verdict) -> Verdict:
    """One verdict of two on the same texts; what both found is there once."""
    found = {(hit.rule, hit.text, hit.start, hit.end): hit for hit in (*second.hits, *first.hits)}
    beyond = [each.action for each in (first, second) if each.rule == TOO_MANY_HITS]
    return verdict(sorted(found.values(), key=place), first.pack, max(beyond, key=strictness, default=""))


class ToolLane:
    """A streamed text of a tool: two screeners that answer as one."""

    def __init__(
        self, screener: Screener, direction: str, policy: ScreeningPolicy, hash_of: ValueHash | None = None
    ) -> None:
        self._both = (
            StreamScreener(screener, direction, policy, hash_of),
            StreamScreener(screener, TOOL, policy, hash_of),
        )
        self._told: set[tuple[str, int, int]] = set()

    @property
    def settled(self) -> int:
        """No hit still to come begins before this character."""
        return min(each.settled for each in self._both)

    def push(self, text: str) -> Verdict:
        """The verdict on what this piece settled and was not told before."""
        new = joined(*(each.push(text) for each in self._both))
        hits = tuple(hit for hit in new.hits if (hit.rule, hit.start, hit.end) not in self._told)
        self._told.update((hit.rule, hit.start, hit.end) for hit in hits)
        return new if len(hits) == len(new.hits) else _without_told(new, hits)

    def finish(self) -> Verdict:
        """The verdict on the whole text."""
        whole = joined(*(each.finish() for each in self._both))
        allowed = len(set().union(*(each.let_pass for each in self._both)))
        return msgspec.structs.replace(whole, allowed=allowed) if allowed else whole


def _without_told(new: Verdict, hits: tuple[Hit, ...]) -> Verdict:
    return verdict(list(hits), new.pack, new.action if new.rule == TOO_MANY_HITS else "")
