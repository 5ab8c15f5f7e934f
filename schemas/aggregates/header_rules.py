"""Which of a caller's headers go on to a provider, and what is added or taken away. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

import msgspec

from schemas.linear_pattern import LinearPattern, PatternError

ACTIONS = ("forward", "insert", "remove", "rename_duplicate")
MAX_RULES = 64
MAX_VALUE = 4_096

_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,128}\Z")
"""RFC 9110, 5.1, in lower case."""
_NEVER = frozenset(
    {
        # about one connection (RFC 9110, 7.6.1)
        "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
        "proxy-authenticate", "expect", "http2-settings",
        # about another address or another body
        "host", "accept-encoding", "range", "forwarded", "user-agent",
        # credentials
        "authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key", "x-goog-api-key",
        "x-auth-token", "ocp-apim-subscription-key", "www-authenticate",
    }
)  # fmt: skip
_NEVER_BEGINNING = ("content-", "proxy-", "x-nexus-", "x-provider-", "x-amz-", "sec-", ":")

Headers = list[tuple[str, str]]


class HeaderRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step; the steps are taken in order. Names are compared without regard to case."""

    action: str
    """`forward`: take over the caller's header; `insert`: set one; `remove`: take away what earlier steps put there;
    `rename_duplicate`: say a header a second time under another name."""
    name: str = ""
    pattern: str = ""
    """Besides or instead of a name, for `forward` and `remove`: matched in linear time against whole names in lower
    case."""
    value: str = ""
    """Of `insert`; of `forward`, for the name, when the caller sent none."""
    to: str = ""
    """The new name: of `rename_duplicate`, and of `forward`, for the name."""


def never_sent_on(name: str) -> bool:
    """Whether no rule may touch a header of this name: it is about the connection, the body, or a secret."""
    name = name.lower()
    return name in _NEVER or name.startswith(_NEVER_BEGINNING)


def problems_of_rules(rules: tuple[HeaderRule, ...], field: str = "header_rules") -> list[str]:
    """Why rules are not acceptable, in words for their author."""
    found = [f"{field} may hold {MAX_RULES} rules"] if len(rules) > MAX_RULES else []
    for at, rule in enumerate(rules):
        found += [f"{field}[{at}]: {problem}" for problem in _problems(rule)]
    return found


def _problems(rule: HeaderRule) -> list[str]:
    if rule.action not in ACTIONS:
        return [f"action must be one of {', '.join(ACTIONS)}"]
    found = []
    if rule.pattern:
        if rule.action not in ("forward", "remove"):
            found.append("a pattern is for forward and remove")
        try:
            LinearPattern(rule.pattern)
        except PatternError as error:
            found.append(f"pattern: {error}")
    if not _NAME.match(rule.name.lower()) and (rule.name or rule.to or rule.value or not rule.pattern):
        found.append("name must be the name of a header")
    if (rule.action == "rename_duplicate") > bool(rule.to):
        found.append("to is missing")
    if rule.to and (rule.action not in ("forward", "rename_duplicate") or not _NAME.match(rule.to.lower())):
        found.append("to must be the name of a header, for forward or rename_duplicate")
    if rule.action != "remove":
        found += [f"{each} can never be sent on" for each in (rule.name, rule.to) if each and never_sent_on(each)]
    if rule.value and rule.action not in ("forward", "insert"):
        found.append("value is for forward and insert")
    if len(rule.value) > MAX_VALUE or not rule.value.isascii() or (rule.value and not rule.value.isprintable()):
        found.append(f"value must be printable ASCII of at most {MAX_VALUE} characters")
    return found


def apply_rules(rules: Iterable[HeaderRule], asked: Mapping[str, str], passed: Mapping[str, str] = {}) -> Headers:
    """The headers that the rules make for a provider, by lower-case name.

    Args:
        asked: the caller's, by lower-case name.
        passed: those of them that go on unless a rule says otherwise.
    """
    made = dict(passed)
    for rule in rules:
        name = rule.name.lower()
        fits = _compiled(rule.pattern).matches if rule.pattern else None
        match rule.action:
            case "forward":
                if fits is not None:
                    made.update((each, text) for each, text in asked.items() if not never_sent_on(each) and fits(each))
                value = asked.get(name, rule.value) if name else ""
                if value:
                    made[rule.to.lower() or name] = value
            case "insert":
                made[name] = rule.value
            case "remove":
                made = {each: text for each, text in made.items() if each != name and not (fits and fits(each))}
            case "rename_duplicate":
                if name in made or name in asked:
                    made[rule.to.lower()] = made.get(name, asked.get(name, ""))
    return [(name, value) for name, value in made.items() if not never_sent_on(name) and _sound(value)]


def _sound(value: str) -> bool:
    """Whether a value can stand in a line of a head: a line end in it would begin another."""
    return not any((ord(character) < 32 and character != "\t") or ord(character) in (0, 127) for character in value)


@lru_cache(maxsize=1_024)
def _compiled(pattern: str) -> LinearPattern:
    return LinearPattern(pattern)
