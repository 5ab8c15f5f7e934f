"""A hook as configuration: when it runs, how long it may take, what it may do, and its kind's own options. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

import msgspec

from schemas.aggregates.urls import problems_of_url
from schemas.screening.model import ACTIONS

STAGES = ("connection", "request", "response")
FAILS = ("open", "closed")
LABELS = ("public", "internal", "confidential", "restricted")
"""Of classified texts, from the most harmless on."""
APIS = ("guard", "moderations")
MOST_EACH_MS = 5_000
MOST_TOGETHER_MS = 15_000
"""Of all hooks of one stage."""
MOST_HOOKS = 64
_LONGEST = 4_096


class HookOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of all kinds, since the shape of a fact may only grow; `OPTIONS` says which are whose."""

    action: str = "block"
    """What a hit asks for."""
    words: tuple[str, ...] = ()
    whole_words: bool = True
    case_sensitive: bool = False
    rules: tuple[str, ...] = ()
    """Rules by id, by category (`email`) or by pack (`secrets`); empty for what the kind is usually about."""
    at_least: int = 1
    """Hits from which on it counts."""
    labels: dict[str, tuple[str, ...]] = {}
    """Label -> rules, as in `rules`."""
    allowed: dict[str, tuple[str, ...]] = {}
    """Label -> `provider:ID` and `region:NAME`, a `*` at the end standing for any; a label that is not here may go
    anywhere."""
    per_minute: int = 0
    by: str = "key"
    """`key` or `tenant`."""
    max_bytes: int = 0
    max_characters: int = 0
    max_messages: int = 0
    min_characters: int = 0
    json: bool = False
    """The answer must be JSON."""
    max_repeats: int = 0
    """Of one line within an answer."""
    allow: tuple[str, ...] = ()
    """Networks (`10.0.0.0/8`), or names of tools with `*` at the end for any; empty for all."""
    deny: tuple[str, ...] = ()
    url: str = ""
    credential: str = ""
    """Id of the credential whose secret signs."""
    private: bool = False
    """Whether the address may be private, of this machine or link-local."""
    model: str = ""
    """As a caller would write it."""
    api: str = "guard"
    """`guard`: a chat model that answers `safe` or `unsafe`. `moderations`: that operation where the model's provider
    has it, elsewhere as `guard`."""
    categories: tuple[str, ...] = ()
    """What a classifier says that counts; empty for anything."""


class Hook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    kind: str
    stage: str = "request"
    priority: int = 0
    """Higher is asked first; equal ones in the order of their ids."""
    fail: str = "closed"
    """What happens when it fails or is late: `open`, as if it were not there; `closed`, the request is refused."""
    timeout_ms: int = 1_000
    routes: tuple[str, ...] = ()
    """Empty for all."""
    tenants: tuple[str, ...] = ()
    """Empty for all."""
    cap: str = "block"
    """The strictest action it may have; what asks for more is held down to it."""
    soft: bool = False
    """Whether a block is an answer that says so, with the finish reason `content_filter`, instead of an error."""
    options: HookOptions = HookOptions()
    enabled: bool = True

    def concerns(self, stage: str, route: str, tenant: str) -> bool:
        return (
            self.enabled
            and self.stage == stage
            and (not self.routes or route in self.routes)
            and (not self.tenants or tenant in self.tenants)
        )


_TEXT = ("request", "response")
_RULES = frozenset({"action", "rules", "at_least"})

KINDS: dict[str, tuple[tuple[str, ...], frozenset[str]]] = {
    "keyword_filter": (_TEXT, frozenset({"action", "words", "whole_words", "case_sensitive", "at_least"})),
    "pii_detector": (_TEXT, _RULES),
    "data_classification": (("request",), frozenset({"labels"})),
    "content_safety": (_TEXT, _RULES),
    "data_residency": (("request",), frozenset({"allowed"})),
    "rate_limiter": (("connection",), frozenset({"per_minute", "by"})),
    "request_size": (("connection",), frozenset({"max_bytes", "max_characters", "max_messages"})),
    "ip_access": (("connection",), frozenset({"allow", "deny"})),
    "response_quality": (
        ("response",),
        frozenset({"action", "min_characters", "max_characters", "json", "max_repeats"}),
    ),
    "tool_call_guard": (_TEXT, _RULES | {"allow", "deny"}),
    "webhook_forward": (_TEXT, frozenset({"url", "credential", "private"})),
    "rule_pack": (_TEXT, _RULES),
    "model_classifier": (_TEXT, frozenset({"action", "model", "api", "categories"})),
}
"""Kind -> the stages it can run in, and the options it has."""


def problems_of_hooks(hooks: tuple[Hook, ...]) -> list[str]:
    """Everything that is wrong with a policy's hooks, in words for their author."""
    found: list[str] = []
    if len(hooks) > MOST_HOOKS:
        found.append(f"hooks must be at most {MOST_HOOKS}")
    for at, hook in enumerate(hooks):
        found += [f"hooks[{at}]: {problem}" for problem in problems_of_hook(hook)]
    if len({hook.id for hook in hooks}) != len(hooks):
        found.append("hooks must have ids of their own")
    return found


def problems_of_hook(hook: Hook) -> list[str]:
    """Why one hook is not acceptable; empty when it is."""
    found: list[str] = []
    if not hook.id or len(hook.id) > 63 or not hook.id.isascii() or not hook.id.replace("-", "").isalnum():
        found.append("id must be 1 to 63 of letters, digits and '-'")
    if hook.kind not in KINDS:
        return [*found, f"kind must be one of {', '.join(KINDS)}"]
    stages, options = KINDS[hook.kind]
    if hook.stage not in stages:
        found.append(f"stage of {hook.kind} must be {' or '.join(stages)}")
    if hook.fail not in FAILS:
        found.append("fail must be open or closed")
    if not 1 <= hook.timeout_ms <= MOST_EACH_MS:
        found.append(f"timeout_ms must be from 1 to {MOST_EACH_MS}")
    if hook.cap not in ACTIONS:
        found.append(f"cap must be one of {', '.join(ACTIONS)}")
    if hook.options.action not in ACTIONS:
        found.append(f"options.action must be one of {', '.join(ACTIONS)}")
    plain = HookOptions()
    for name in HookOptions.__struct_fields__:
        if name not in options and getattr(hook.options, name) != getattr(plain, name):
            found.append(f"options.{name} is none of {hook.kind}'s, which are {', '.join(sorted(options))}")
    check = _CHECKS.get(hook.kind)
    return found + (check(hook.options) if check else [])


def _keywords(options: HookOptions) -> list[str]:
    if not options.words or len(options.words) > _LONGEST:
        return [f"options.words must name 1 to {_LONGEST} words"]
    if any(not word.strip() or len(word) > 200 for word in options.words):
        return ["options.words must have 1 to 200 characters each"]
    return []


def _labels(options: HookOptions) -> list[str]:
    return [
        f"options.labels.{name} must be one of {', '.join(LABELS)}" for name in options.labels if name not in LABELS
    ]


def _residency(options: HookOptions) -> list[str]:
    found = [] if options.allowed else ["options.allowed must say for one label at least who may see it"]
    for label, places in options.allowed.items():
        if label not in LABELS:
            found.append(f"options.allowed.{label} must be one of {', '.join(LABELS)}")
        if any(
            place.partition(":")[0] not in ("provider", "region") or not place.partition(":")[2] for place in places
        ):
            found.append(f"options.allowed.{label} must hold provider:ID and region:NAME")
    return found


def _rate(options: HookOptions) -> list[str]:
    found = [] if 1 <= options.per_minute <= 1_000_000 else ["options.per_minute must be from 1 to 1,000,000"]
    return found if options.by in ("key", "tenant") else [*found, "options.by must be key or tenant"]


def _sizes(options: HookOptions) -> list[str]:
    limits = (options.max_bytes, options.max_characters, options.max_messages)
    return [] if any(limits) and min(limits) >= 0 else ["one of max_bytes, max_characters, max_messages must be given"]


def _networks(options: HookOptions) -> list[str]:
    if not options.allow and not options.deny:
        return ["options.allow or options.deny must name a network"]
    return [
        f"options.{field} must hold networks such as 10.0.0.0/8"
        for field, networks in (("allow", options.allow), ("deny", options.deny))
        if not all(map(_is_network, networks))
    ]


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _quality(options: HookOptions) -> list[str]:
    numbers = (options.min_characters, options.max_characters, options.max_repeats)
    if min(numbers) < 0 or not (any(numbers) or options.json):
        return ["one of min_characters, max_characters, max_repeats, json must be given"]
    return [] if options.action != "redact" else ["options.action redact is not for response_quality"]


def _webhook(options: HookOptions) -> list[str]:
    found = problems_of_url(options.url, "options.url", query=True)
    return found if options.credential else [*found, "options.credential must name the credential that signs"]


def _classifier(options: HookOptions) -> list[str]:
    found = [] if options.model else ["options.model must be given"]
    if options.api not in APIS:
        found.append(f"options.api must be one of {', '.join(APIS)}")
    return found if options.action != "redact" else [*found, "options.action redact is not for model_classifier"]


_CHECKS: dict[str, Callable[[HookOptions], list[str]]] = {
    "keyword_filter": _keywords,
    "data_classification": _labels,
    "data_residency": _residency,
    "rate_limiter": _rate,
    "request_size": _sizes,
    "ip_access": _networks,
    "response_quality": _quality,
    "webhook_forward": _webhook,
    "model_classifier": _classifier,
}
