"""Screens a text that arrives in pieces. Whole texts are in `screener`."""

from __future__ import annotations

import msgspec

from projections.screening.layer import Layer
from projections.screening.screener import Actions, Screener
from schemas.screening.allowing import AllowedValues, ValueHash
from schemas.screening.model import DIRECTIONS, Hit, ScreeningPolicy, Verdict
from schemas.screening.normalise import MAX_DEPTH
from schemas.screening.tally import Tally, verdict

_STRIDE = 80
"""Characters that are gathered before they are looked at: each look reads the window before them once more."""


class StreamScreener:
    """One text in pieces. Any cut of the same text into pieces gives the same hits as `Screener.screen` on the whole.

    Memory is bounded by the longest possible match and the longest encoded segment, not by the text. Where the number
    of hits exceeds what is recorded, the action is the same and the recorded hits may be others. Offsets count from
    the start of the text.
    """

    def __init__(
        self,
        screener: Screener,
        direction: str,
        policy: ScreeningPolicy | None = None,
        hash_of: ValueHash | None = None,
    ) -> None:
        """
        Args:
            hash_of: of the tenant's values; without it, none of those that the policy allows is known.
        """
        if direction not in DIRECTIONS:
            raise ValueError(f"direction must be one of {', '.join(DIRECTIONS)}")
        policy = policy or ScreeningPolicy()
        self._enabled = policy.enabled
        self._pack = screener.pack.version if policy.enabled else ""
        self._clean = verdict([], self._pack)
        self._tally = Tally()
        self._actions = Actions(screener.pack.rules, direction, policy)
        self._layer = Layer(screener, self._actions, self._tally, 0 if policy.normalize else MAX_DEPTH)
        self._values = AllowedValues(policy.allowed, hash_of) if policy.allowed and hash_of is not None else None
        self.let_pass: set[tuple[int, int, int]] = set()
        """Hits that were left out, since the policy allows their values: rule, start, end."""
        self._known: set[tuple[int, int, int]] = set()
        self._gathered = ""
        self._finished = False

    @property
    def settled(self) -> int:
        """No hit still to come begins before this character: text up to here may be released."""
        return self._layer.settled

    @property
    def held(self) -> int:
        """Characters that are kept because a hit may still need them."""
        return self._layer.held + len(self._gathered)

    def push(self, text: str) -> Verdict:
        """The verdict on the hits that this piece settled. A match that may still grow waits for what follows it."""
        if self._finished:
            raise RuntimeError("the text has been finished: begin a new StreamScreener for another one")
        if not text or not self._enabled:
            return self._clean
        text = self._gathered + text
        if len(text) < _STRIDE:
            self._gathered = text
            return self._clean
        self._gathered = ""
        new = self._add(text, final=False)
        return self._tally.verdict_of(new, self._pack) if new else self._clean

    def finish(self) -> Verdict:
        """The verdict on the whole text: equal to that of `Screener.screen([whole])`."""
        if not self._finished:
            self._finished = True
            self._add(self._gathered, final=True)
            self._gathered = ""
        whole = self._tally.verdict(self._pack)
        return msgspec.structs.replace(whole, allowed=len(self.let_pass)) if self.let_pass else whole

    def _add(self, text: str, *, final: bool) -> list[Hit]:
        new = []
        if self._values is not None:
            self._values.add(text)
        for found in self._layer.push(text, final=final):
            if found not in self._known:
                self._known.add(found)
                rule, start, end = found
                if self._values is not None and self._values.allow(start, end):
                    self.let_pass.add(found)
                    continue
                hit = self._actions.hit(rule, 0, start, end)
                if self._tally.add(hit):
                    new.append(hit)
        if self._values is not None:
            self._values.forget(self._layer.settled)
        return new
