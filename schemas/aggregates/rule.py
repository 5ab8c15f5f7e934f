"""Rule: one that a tenant adds to those that come with Nexus. What all rules have in common is in `screening`."""

from __future__ import annotations

import msgspec

from schemas.aggregates.decider import definition, problems_of_id
from schemas.screening.model import DIRECTIONS, Rule
from schemas.screening.rules import problems

PACK = "custom"
"""The pack of every rule of a tenant's own."""
MOST_RULES = 100
"""Of one tenant."""
MOST_PATTERNS = 16
LONGEST_PATTERN = 400
MOST_EXAMPLES = 50
"""Hits, and misses."""
LONGEST_EXAMPLE = 4_096
MOST_KEYWORDS = 100
LONGEST_TITLE = 200


class CustomRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields are those of `schemas.screening.model.Rule`; the id's first part is the category."""

    id: str
    tenant: str
    title: str
    severity: str = "soft"
    action: str = "flag"
    directions: tuple[str, ...] = DIRECTIONS
    patterns: tuple[str, ...]
    flags: str = ""
    """`caseless`, `dotall`. `words` is for the rules that come with Nexus: their starts are looked for backwards, which
    only patterns that were looked at by somebody may ask for."""
    boundary: str = ""
    extend_left: str = ""
    extend_right: str = ""
    extend_until: str = ""
    extend_limit: int = 0
    validator: str = ""
    keywords: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    keyword_window: int = 64
    hits: tuple[str, ...]
    """Examples that it must hit, at least three: it is tried on them before it is accepted."""
    misses: tuple[str, ...]
    """Look-alikes that it must not hit, at least three."""
    source: str = "a rule of this tenant"
    enabled: bool = True

    def rule(self) -> Rule:
        """As the scanner knows it."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__ if name not in ("tenant", "enabled")}
        return Rule(**fields, category=self.id.partition(".")[0], pack=PACK)


def _problems(spec: CustomRule) -> list[str]:
    found = problems_of_id(spec.id)
    for name, most, longest in (
        ("patterns", MOST_PATTERNS, LONGEST_PATTERN),
        ("hits", MOST_EXAMPLES, LONGEST_EXAMPLE),
        ("misses", MOST_EXAMPLES, LONGEST_EXAMPLE),
        ("keywords", MOST_KEYWORDS, LONGEST_PATTERN),
        ("also", MOST_KEYWORDS, LONGEST_PATTERN),
    ):
        values: tuple[str, ...] = getattr(spec, name)
        if len(values) > most or any(len(value) > longest for value in values):
            found.append(f"{name} must be at most {most}, of at most {longest} characters each")
    for name in ("title", "source"):
        if len(getattr(spec, name)) > LONGEST_TITLE:
            found.append(f"{name} must have at most {LONGEST_TITLE} characters")
    if "words" in spec.flags.split():
        found.append("flags: words is for rules that come with Nexus; write [^A-Za-z0-9]{1,3} for a gap")
    return found or problems(spec.rule())


class RuleCreated(msgspec.Struct, frozen=True):
    spec: CustomRule


class RuleChanged(msgspec.Struct, frozen=True):
    spec: CustomRule


class RuleRemoved(msgspec.Struct, frozen=True):
    reason: str = ""


DECIDER = definition("rule", "rules", CustomRule, RuleCreated, RuleChanged, RuleRemoved, _problems)
