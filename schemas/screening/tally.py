"""Adds up hits to a verdict, with a bound on how many are recorded. Pure rules, no scanning.

Beyond the bound the action stays right: further flags and blocks change nothing, and since a text cannot be redacted
by an incomplete list of hits, one redaction too many turns into a block.
"""

from __future__ import annotations

from collections.abc import Mapping

from schemas.screening.model import TOO_MANY_HITS, Hit, Rule, Verdict, strictness

MAX_HITS = 1_000
"""Recorded hits of one action in one call."""
MAX_CANDIDATES = 20_000
"""Candidates of one rule in one call that are checked; what lies beyond counts as a hit, unseen."""


class Tally:
    """The hits of one call, or of one stream."""

    def __init__(self) -> None:
        self.hits: list[Hit] = []
        self._recorded: dict[str, int] = {}
        self._beyond = ""
        """The strictest action of what was left out."""

    def full(self, action: str) -> bool:
        """Whether a further hit with this action would change nothing, so that none need be looked for."""
        if action == "redact":
            return self._beyond == "block"
        return self._recorded.get(action, 0) >= MAX_HITS

    def add(self, hit: Hit) -> bool:
        """Record a hit, unless there are too many with its action. Answers whether it was recorded."""
        count = self._recorded.get(hit.action, 0)
        if count >= MAX_HITS:
            if hit.action == "redact":
                self.leave_out("redact")
            return False
        self._recorded[hit.action] = count + 1
        self.hits.append(hit)
        return True

    def leave_out(self, action: str) -> None:
        """Something of a rule with this action could not be recorded or checked."""
        instead = "block" if action == "redact" else action
        if not self._beyond or strictness(instead) > strictness(self._beyond):
            self._beyond = instead

    def verdict(self, pack: str) -> Verdict:
        """All that was added, in the order of the texts."""
        return verdict(sorted(self.hits, key=place), pack, self._beyond)

    def verdict_of(self, hits: list[Hit], pack: str) -> Verdict:
        """Some of the hits, with what is known of those left out."""
        return verdict(sorted(hits, key=place), pack, self._beyond)


def place(hit: Hit) -> tuple[int, int, int, str]:
    """The order of hits in a verdict."""
    return hit.text, hit.start, -hit.end, hit.rule


def effective_action(rule: Rule, direction: str, overrides: Mapping[str, str], disabled: frozenset[str]) -> str:
    """What this rule does to texts going this way under a policy; empty when nothing.

    What is said of the rule counts before what is said of its category, and that before what is said of its pack.
    """
    if direction not in rule.directions:
        return ""
    action = rule.action
    for name in (rule.id, rule.category, rule.pack) if overrides or disabled else ():
        if name in disabled:
            return ""
        if name in overrides:
            action = overrides[name]
            break
    return "" if action == "approve" else action


def effective_severity(rule: Rule, severities: Mapping[str, str]) -> str:
    """The severity of what this rule hits under a policy, by the same names and in the same order as its action."""
    for name in (rule.id, rule.category, rule.pack) if severities else ():
        if name in severities:
            return severities[name]
    return rule.severity


def verdict(hits: list[Hit], pack: str, beyond: str = "") -> Verdict:
    """The strictest action wins; among equals the first hit names the rule.

    `beyond` is the action of what was left out, empty if nothing was.
    """
    strictest = max(hits, key=lambda hit: strictness(hit.action), default=None)
    if beyond and (strictest is None or strictness(beyond) >= strictness(strictest.action)):
        return Verdict(action=beyond, hits=tuple(hits), rule=TOO_MANY_HITS, pack=pack)
    if strictest is None:
        return Verdict(action="approve", hits=(), rule="", pack=pack)
    return Verdict(action=strictest.action, hits=tuple(hits), rule=strictest.rule, pack=pack)
