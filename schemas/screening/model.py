"""Shapes of screening: rules, hits, verdicts, policies. No scanning here."""

from __future__ import annotations

import msgspec

ACTIONS = ("approve", "flag", "redact", "block")
"""From the mildest to the strictest."""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing to look for: hyperscan `patterns`, then `validator` and `keywords` on each hit."""

    id: str
    title: str
    category: str
    severity: str
    action: str
    directions: tuple[str, ...]
    patterns: tuple[str, ...]
    flags: str = ""
    validator: str = ""
    keywords: tuple[str, ...] = ()
    keyword_window: int = 64
    hits: tuple[str, ...] = ()
    misses: tuple[str, ...] = ()
    source: str = ""


class Hit(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a rule hit: character offsets in one of the texts. Never the matched text."""

    rule: str
    action: str
    text: int
    start: int
    end: int


class Verdict(msgspec.Struct, frozen=True):
    """What screening says of some texts: the strictest action and the rule behind it."""

    action: str
    hits: tuple[Hit, ...]
    rule: str
    pack: str


class ScreeningPolicy(msgspec.Struct, frozen=True):
    """What a policy changes about the rules."""

    enabled: bool = True
    overrides: dict[str, str] = {}
    disabled: frozenset[str] = frozenset()
