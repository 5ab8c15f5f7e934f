"""Deciders that go by what the scanner's rules found: PII, content, tool calls, whole packs, labels. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from schemas.hooks.decision import NOTHING, Cut, Finding, Seen
from schemas.hooks.hook import LABELS, Hook
from schemas.routing.choose import matches
from schemas.screening.model import Hit
from schemas.screening.redaction import marker

PackOf = Callable[[str], str]
"""The pack that a rule, by its id, came with."""

USUAL: Mapping[str, tuple[str, ...]] = {
    "pii_detector": ("pii",),
    "content_safety": ("content-safety", "malware"),
    "tool_call_guard": ("tool-safety",),
    "rule_pack": (),
}
"""What a kind is about whose options name no rules; nothing stands for all rules."""
LABELLED: Mapping[str, tuple[str, ...]] = {
    "restricted": ("secrets", "payment-card", "health-id", "national-id"),
    "confidential": ("pii", "data-loss"),
}
"""Label -> rules, where a hook does not say; what no rule is about is `internal`."""


def about(wanted: Iterable[str], rule: str, pack: str) -> bool:
    """Whether a rule is named by its id, its category or its pack."""
    names = tuple(wanted)
    return not names or rule in names or rule.partition(".")[0] in names or pack in names


def by_rules(hook: Hook, seen: Seen, pack_of: PackOf) -> Finding:
    """`pii_detector`, `content_safety`, `rule_pack`: what these rules found, and the hook's action."""
    hits = _wanted(hook, seen, pack_of)
    if len(hits) < hook.options.at_least:
        return NOTHING
    return Finding(_action(hook, seen), f"{len(hits)} hits of its rules", hits[0].rule, replaced(hits))


def tool_call_guard(hook: Hook, seen: Seen, pack_of: PackOf) -> Finding:
    """Tools by name first, then what rules say of their arguments and results."""
    options = hook.options
    for name in seen.tool_names:
        if any(matches(pattern, name) for pattern in options.deny):
            return Finding(options.action, "a tool that is not to be called", "tool.denied")
        if options.allow and not any(matches(pattern, name) for pattern in options.allow):
            return Finding(options.action, "a tool that is not among those allowed", "tool.not-allowed")
    hits = tuple(hit for hit in _wanted(hook, seen, pack_of) if hit.text in seen.tools)
    if len(hits) < options.at_least:
        return NOTHING
    return Finding(_action(hook, seen), f"{len(hits)} hits in the texts of tools", hits[0].rule, replaced(hits))


def data_classification(hook: Hook, seen: Seen, pack_of: PackOf) -> Finding:
    """The strictest label that a rule stands for; `internal` where none does, `public` only where a hook says so."""
    labels = hook.options.labels or LABELLED
    for label in reversed(LABELS):
        named = labels.get(label, ())
        found = next((hit for hit in seen.hits if named and about(named, hit.rule, pack_of(hit.rule))), None)
        if found is not None:
            return Finding("approve", f"the text is {label}", found.rule, label=label)
    label = "public" if "public" in labels and not seen.hits else "internal"
    return Finding("approve", f"the text is {label}", label=label)


def _action(hook: Hook, seen: Seen) -> str:
    action = hook.options.action
    return "block" if action == "redact" and not seen.all_hits else action


def _wanted(hook: Hook, seen: Seen, pack_of: PackOf) -> tuple[Hit, ...]:
    names = hook.options.rules or USUAL[hook.kind]
    return tuple(hit for hit in seen.hits if about(names, hit.rule, pack_of(hit.rule)))


def replaced(hits: Iterable[Hit]) -> tuple[Cut, ...]:
    return tuple(Cut(hit.text, hit.start, hit.end, marker(hit)) for hit in hits)
