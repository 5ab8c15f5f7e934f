"""What a rule must fulfil before it is compiled, and the version of a set of rules. No compilation here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from schemas.screening.checks import resolve
from schemas.screening.model import ACTIONS, DIRECTIONS, FLAGS, SEVERITIES, TRIGGERS, Rule
from schemas.screening.pattern import PatternError, check_class, heads, spelled, width

SEPARATOR = "\0"
"""Stands between texts that are scanned in one buffer; no boundary class may contain it."""
MAX_LEFT = 64
"""Characters that a match may grow to the left."""
MAX_EXTENSION = 16_384
MAX_KEYWORD_WINDOW = 1_024
LEAST_EXAMPLES = 3

_KEYWORD = re.compile(r"\*?[a-z0-9](?:[a-z0-9 ._-]{0,40}[a-z0-9])?\*?")
NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")
"""Of a category, of a rule in it, of a file of weights."""


def problems(rule: Rule) -> list[str]:
    """Everything that is wrong with a rule as data; empty when it may be compiled."""
    return list(_problems(rule))


def _problems(rule: Rule) -> Iterator[str]:
    category, _, name = rule.id.partition(".")
    if category != rule.category or not NAME.fullmatch(category) or not NAME.fullmatch(name):
        yield f"id must be '{rule.category}.<name>', in lower case with hyphens"
    if rule.category == "nexus":
        yield "category nexus is Nexus's own"
    if not rule.title or not rule.source:
        yield "title and source must be given"
    if rule.severity not in SEVERITIES:
        yield f"severity must be one of {', '.join(SEVERITIES)}"
    if rule.action not in ACTIONS[1:]:
        yield f"action must be one of {', '.join(ACTIONS[1:])}"
    if not rule.directions or not set(rule.directions) <= set(DIRECTIONS):
        yield f"directions must be some of {', '.join(DIRECTIONS)}"
    if unknown := set(rule.flags.split()) - set(FLAGS):
        yield f"flags {', '.join(sorted(unknown))} do not exist: use {', '.join(FLAGS)}"
    yield from _problems_of_patterns(rule)
    yield from _problems_of_growth(rule)
    yield from _problems_of_checks(rule)
    if len(rule.hits) < LEAST_EXAMPLES or len(rule.misses) < LEAST_EXAMPLES:
        yield f"at least {LEAST_EXAMPLES} hits and {LEAST_EXAMPLES} misses must be given"


def _problems_of_patterns(rule: Rule) -> Iterator[str]:
    if not rule.patterns:
        yield "at least one pattern must be given"
    for pattern in rule.patterns:
        try:
            width(spelled(pattern, rule.flags))
            if rule.trigger == "heads":
                width(heads(spelled(pattern, rule.flags)).pattern)
        except PatternError as error:
            yield f"pattern {error}"


def _problems_of_growth(rule: Rule) -> Iterator[str]:
    for name in ("boundary", "extend_left", "extend_right"):
        inside = getattr(rule, name)
        try:
            if inside:
                check_class(inside)
                re.compile(f"[{inside}]")
        except (PatternError, re.error) as error:
            yield f"{name} is not the inside of a character class: {error}"
            return
    if rule.boundary and re.match(f"[{rule.boundary}]", SEPARATOR):
        yield "boundary must not contain NUL"
    if bool(rule.extend_right) != bool(rule.extend_limit) or not 0 <= rule.extend_limit <= MAX_EXTENSION:
        yield f"extend_right and an extend_limit from 1 to {MAX_EXTENSION} go together"
    if rule.extend_until and not rule.extend_right:
        yield "extend_until needs extend_right"


def _problems_of_checks(rule: Rule) -> Iterator[str]:
    try:
        resolve(rule.validator)
    except (KeyError, ValueError):
        yield f"validator {rule.validator!r} does not exist"
    if bool(rule.likelihood) != (rule.weights is not None):
        yield f"likelihood {rule.likelihood!r} has no weights: name those of a file in schemas/packs/likelihood"
    if rule.score and not rule.likelihood:
        yield "score needs likelihood"
    if not 0 < rule.keyword_window <= MAX_KEYWORD_WINDOW:
        yield f"keyword_window must be from 1 to {MAX_KEYWORD_WINDOW} characters"
    if rule.trigger == "heads" and ("words" not in rule.flags.split() or rule.extend_left or rule.extend_right):
        yield "trigger heads is for rules with the flag words, and without growth"
    if rule.trigger not in TRIGGERS or (rule.trigger == "keywords" and not rule.keywords):
        yield f"trigger must be one of {', '.join(TRIGGERS)}, and keywords must exist to be one"
    if rule.also and not rule.keywords:
        yield "also needs keywords"
    for keyword in (*rule.keywords, *rule.also):
        if not _KEYWORD.fullmatch(keyword):
            yield f"keyword {keyword!r} must be lower-case ASCII words, with * at its ends only"


def names(rules: Iterable[Rule]) -> frozenset[str]:
    """What a policy may name: rules, their categories and their packs."""
    return frozenset(name for rule in rules for name in (rule.id, rule.category, rule.pack) if name)


def version(rules: Sequence[Rule]) -> str:
    """The version of a set of rules: the first 32 hex digits of a SHA-256 over their data, in any order."""
    ordered = sorted(rules, key=lambda rule: rule.id)
    return hashlib.sha256(msgspec.json.encode(ordered)).hexdigest()[:32]


def example(text: str) -> tuple[str, tuple[int, int] | None]:
    """An example without its marks, and the span that `«` and `»` mark in it, if they do."""
    before, opened, rest = text.partition("«")
    if not opened:
        return text, None
    inside, _, after = rest.partition("»")
    return before + inside + after, (len(before), len(before) + len(inside))


def duplicates(rules: Iterable[Rule]) -> list[str]:
    """Ids that occur more than once."""
    seen: set[str] = set()
    repeated: list[str] = []
    for rule in rules:
        if rule.id in seen:
            repeated.append(rule.id)
        seen.add(rule.id)
    return repeated
