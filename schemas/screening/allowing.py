"""Values that a policy lets pass, known by their keyed hashes only. Pure: whoever has the key passes the hash in."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence, Set

import msgspec

from schemas.screening.model import TOO_MANY_HITS, Verdict
from schemas.screening.tally import verdict as verdict_of

ValueHash = Callable[[str], str]
"""From a value of one tenant to its keyed hash."""
HASH = re.compile(r"[0-9a-f]{64}\Z")
MOST_ALLOWED = 10_000
"""Hashes of one policy."""
LONGEST = 4_096
"""Characters of a value."""


def hashed_by(hash_key: ValueHash, tenant: str) -> ValueHash:
    """The hash of a tenant's values: the same value of two tenants has two hashes, and neither is that of a key.

    Args:
        hash_key: HMAC-SHA-256 in hex, under a key that is no part of configuration.
    """
    return lambda value: hash_key(f"allowed-value\0{tenant}\0{value}")


def without_allowed(
    found: Verdict, texts: Sequence[str], allowed: Set[str], hash_of: ValueHash, *, known: int = 0
) -> Verdict:
    """The verdict without hits on allowed values, which are counted. What was found is not looked at by itself: only
    what a rule has hit can be let pass.

    Args:
        known: how many have been left out before.
    """
    kept = [hit for hit in found.hits if hash_of(texts[hit.text][hit.start : hit.end]) not in allowed]
    left_out = known + len(found.hits) - len(kept)
    if not left_out:
        return found
    beyond = found.action if found.rule == TOO_MANY_HITS else ""
    return msgspec.structs.replace(verdict_of(kept, found.pack, beyond), allowed=left_out)


class AllowedValues:
    """The same for a text that arrives in pieces. Keeps no more of it than a hit may still need."""

    def __init__(self, allowed: Set[str], hash_of: ValueHash) -> None:
        self._allowed = allowed
        self._hash_of = hash_of
        self._text = ""
        self._base = 0

    def add(self, text: str) -> None:
        self._text += text

    def allow(self, start: int, end: int) -> bool:
        """Whether what stands there, counted from the start of the text, may pass."""
        return self._hash_of(self._text[start - self._base : end - self._base]) in self._allowed

    def forget(self, before: int) -> None:
        """No hit will begin before this character."""
        if before > self._base:
            self._text = self._text[before - self._base :]
            self._base = before
