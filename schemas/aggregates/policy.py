"""Policy: what screening does for the routes that name it."""

from __future__ import annotations

import msgspec

from schemas.aggregates.decider import definition, problems_of_id
from schemas.hooks.hook import Hook, problems_of_hooks
from schemas.screening.allowing import HASH, MOST_ALLOWED
from schemas.screening.model import ACTIONS, SEVERITIES, ScreeningPolicy, strictness

STREAM_MODES = ("stop", "passthrough", "hold", "buffer")
"""How rules meet a streamed answer.

stop: text passes at once; a rule that blocks ends the stream as soon as it is sure, when the beginning of its match
may have passed. passthrough: text passes, hits are only recorded. hold: text waits until no rule can still object to
it, and what rules redact is cut out. buffer: the whole answer waits.

A hook of the stage `response` judges whole answers. What it blocks or redacts binds for answers in one piece, and for
streams under hold and buffer, where the whole answer then waits for it. Under stop and passthrough the text has been
passed on by then: what it says is on the record as an observation.
"""

RULES_NAMED = ("overrides", "disabled", "severities")
"""The fields of a policy that name rules, their categories and their packs."""


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    tenant: str
    screen_requests: bool = True
    screen_responses: bool = True
    overrides: dict[str, str] = {}
    """Rule, category or pack to action, instead of a rule's own; the most specific counts."""
    disabled: tuple[str, ...] = ()
    """Rules, categories and packs that are off. An override of what is more specific counts before this."""
    stream: str = "stop"
    """What happens to a streamed answer, one of `STREAM_MODES`."""
    hooks: tuple[Hook, ...] = ()
    """What is asked besides the rules."""
    reversible: bool = False
    """Whether what rules redact from requests goes to the provider as `[EMAIL_1]`, and comes back in the answer."""
    allowed: tuple[str, ...] = ()
    """Keyed hashes of values that rules may not object to; the admin plane makes them from `allow_values`."""
    normalize: bool = True
    """Whether rules also read what is encoded or written in look-alikes."""
    severities: dict[str, str] = {}
    """Rule, category or pack to `hard`, `soft` or `warn`, instead of a rule's own; the most specific counts.

    Findings carry the severity in force, and a SIEM sees it. It decides no action: that is for `overrides`.
    """

    def screening(self, stage: str) -> ScreeningPolicy:
        """What the scanner needs to know for `request` or `response`."""
        enabled = self.screen_requests if stage == "request" else self.screen_responses
        return ScreeningPolicy(
            enabled,
            self.overrides,
            frozenset(self.disabled),
            frozenset(self.allowed),
            self.normalize,
            self.severities,
        )


def binding_hooks(spec: Policy) -> list[Hook]:
    """Hooks that may change or stop an answer."""
    return [
        hook
        for hook in spec.hooks
        if hook.enabled and hook.stage == "response" and strictness(hook.cap) > strictness("flag")
    ]


def advice(spec: Policy) -> list[str]:
    """What the author of a policy should know that is not wrong."""
    if spec.stream in ("hold", "buffer"):
        waits = spec.stream == "hold" and binding_hooks(spec)
        return [f"the hook {waits[0].id} judges whole answers: under hold a stream waits for its end"] if waits else []
    return [
        f"the hook {hook.id} only observes streamed answers: under {spec.stream} they have passed when it is asked; "
        "under hold and buffer it binds"
        for hook in binding_hooks(spec)
    ]


def _problems(spec: Policy) -> list[str]:
    found = problems_of_id(spec.id)
    for rule, action in spec.overrides.items():
        if action not in ACTIONS:
            found.append(f"overrides.{rule} must be one of {', '.join(ACTIONS)}")
    for rule, severity in spec.severities.items():
        if severity not in SEVERITIES:
            found.append(f"severities.{rule} must be one of {', '.join(SEVERITIES)}")
    if spec.stream not in STREAM_MODES:
        found.append(f"stream must be one of {', '.join(STREAM_MODES)}")
    if len(spec.allowed) > MOST_ALLOWED or not all(map(HASH.match, spec.allowed)):
        found.append(f"allowed must be at most {MOST_ALLOWED} hashes of 64 hex digits; send values in allow_values")
    return found + problems_of_hooks(spec.hooks)


class PolicyCreated(msgspec.Struct, frozen=True):
    spec: Policy


class PolicyChanged(msgspec.Struct, frozen=True):
    spec: Policy


class PolicyRemoved(msgspec.Struct, frozen=True):
    reason: str = ""


DECIDER = definition("policy", "policies", Policy, PolicyCreated, PolicyChanged, PolicyRemoved, _problems)
