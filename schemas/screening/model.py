"""Shapes of screening: rules, hits, verdicts, policies. No scanning here."""

from __future__ import annotations

import msgspec

from schemas.screening.likelihood import Likelihood

ACTIONS = ("approve", "flag", "redact", "block")
"""From the mildest to the strictest."""

SEVERITIES = ("warn", "soft", "hard")
"""How much a hit matters to whoever looks at findings, from the least to the most. It decides no action."""
DIRECTIONS = ("request", "response", "tool")
FLAGS = ("caseless", "dotall", "words")
TRIGGERS = ("patterns", "keywords", "heads")

TOO_MANY_HITS = "nexus.too-many-hits"
"""Stands as the verdict's rule when not every hit could be recorded or checked."""


def strictness(action: str) -> int:
    """The rank of an action, 0 for `approve`. ValueError for an unknown one."""
    return ACTIONS.index(action)


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing to look for. The patterns find candidates; everything else here is checked once one is found.

    `schemas.screening.rules.problems` says what a rule must fulfil; `schemas/packs/README.md` how to write one.
    """

    id: str
    """`<category>.<name>`."""
    title: str
    category: str
    """Named in the redaction marker, so that a reader of the text knows what is missing."""
    severity: str
    action: str
    directions: tuple[str, ...] = DIRECTIONS
    patterns: tuple[str, ...]
    """In the subset of `schemas.screening.pattern`: bounded, linear, without anchors."""
    flags: str = ""
    """Space-separated: `caseless`, `dotall`, `words` (a space stands for one to three characters that part words)."""
    boundary: str = ""
    """Inside of a character class, ASCII: none of these may touch the match at either side."""
    extend_left: str = ""
    """Inside of a character class: the match grows to the left over these, up to 64 characters."""
    extend_right: str = ""
    """Inside of a character class: the match grows to the right over these, up to `extend_limit` characters."""
    extend_until: str = ""
    """The growth to the right ends just after this text, when it comes within the limit."""
    extend_limit: int = 0
    validator: str = ""
    """A name of `schemas.screening.checks`, with an optional number: `entropy:3.5`. It may narrow the match."""
    keywords: tuple[str, ...] = ()
    """One of these words must be near, in any case; `*` at an end stands for any further letters."""
    also: tuple[str, ...] = ()
    """One of these must be near as well, like `keywords`: two words that say little alone say a lot together."""
    keyword_window: int = 64
    """Characters before the match and after it in which a keyword counts."""
    likelihood: str = ""
    """Name of the weights by which what stands around the match must score, beside all else."""
    score: int = 0
    """In thousandths, what it must score at least; 0 for what the weights say themselves."""
    trigger: str = "patterns"
    """What the first scan looks for: `patterns`, or `keywords` where they are rarer (beside plain digits, say), or the
    `heads` of patterns, what stands before their first gap, where those are rare: the rest is looked for at each."""
    hits: tuple[str, ...] = ()
    """Examples that hit; `«` and `»` mark the exact span where it matters."""
    misses: tuple[str, ...] = ()
    """Look-alikes that do not."""
    source: str = ""
    """The document that defines the format."""
    pack: str = ""
    """The pack the rule came with."""
    weights: Likelihood | None = None
    """Those that `likelihood` names. They are part of the rule, and so of the version and the bytes of what is
    compiled: whoever screens with it screens with the weights that it was compiled with."""


class Hit(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a rule hit: character offsets in one of the texts. Never the matched text."""

    rule: str
    action: str
    text: int
    start: int
    end: int
    severity: str = ""
    """In force, one of `SEVERITIES`; empty in hits from before it was told."""


class Verdict(msgspec.Struct, frozen=True):
    """What screening says of some texts: the strictest action and the rule behind it.

    `rule` is empty when nothing hit, `pack` when screening was off.
    """

    action: str
    hits: tuple[Hit, ...]
    rule: str
    pack: str
    allowed: int = 0
    """Hits that were left out, since the policy lets their values pass."""


class ScreeningPolicy(msgspec.Struct, frozen=True):
    """What a policy changes about the rules."""

    enabled: bool = True
    overrides: dict[str, str] = {}
    """Rule, category or pack to action, instead of a rule's own; `approve` silences it. The most specific counts."""
    disabled: frozenset[str] = frozenset()
    """Rules, categories and packs that are off."""
    allowed: frozenset[str] = frozenset()
    """Keyed hashes of values that rules may not object to."""
    normalize: bool = True
    """Whether what a text says once it is decoded and its look-alikes are undone counts as well."""
    severities: dict[str, str] = {}
    """Rule, category or pack to severity, instead of a rule's own. The most specific counts."""
