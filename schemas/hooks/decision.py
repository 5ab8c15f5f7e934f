"""What a hook is shown, what it finds, and what becomes of that under its cap. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from schemas.facts.traffic import HookDecided, Span
from schemas.hooks.hook import Hook
from schemas.screening.model import Hit, strictness
from schemas.screening.redaction import BrokenJson, replaced

LONGEST_REASON = 200
_QUOTED = 12
"""Characters from which on a part of a reason counts as quoted from a text."""
WITHHELD = "(withheld: it quotes the text)"
WITHHELD_ENCODED = "(withheld: it may hold an encoded text)"


class Cut(msgspec.Struct, frozen=True):
    """A part of a text and what is to stand in its place. Lives in memory only."""

    text: int
    start: int
    end: int
    replacement: str


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One stage of one request as hooks see it."""

    stage: str
    tenant: str
    route: str
    key: str
    address: str = ""
    """Of the caller; empty when it is not known."""
    texts: tuple[str, ...] = ()
    tools: frozenset[int] = frozenset()
    """Which of the texts are arguments or results of tools."""
    tool_names: tuple[str, ...] = ()
    hits: tuple[Hit, ...] = ()
    """What all rules found in the texts, whatever the policy does about it; those it switches off aside."""
    all_hits: bool = True
    """Whether that is all there is to find: else nothing can be cut by it."""
    size: int = 0
    """Bytes of the body."""
    messages: int = 0
    label: str = ""
    """Of the texts, as far as they have been classified."""


class Finding(msgspec.Struct, frozen=True):
    """What one decider says."""

    action: str = "approve"
    reason: str = ""
    """In words that quote nothing."""
    rule: str = ""
    cuts: tuple[Cut, ...] = ()
    """For `redact`; for other actions only where it was."""
    label: str = ""
    retry_after: int | None = None


NOTHING = Finding()


def settle(hook: Hook, finding: Finding, microseconds: int) -> HookDecided:
    """The fact about one hook: its finding held down to its cap."""
    action = finding.action if strictness(finding.action) <= strictness(hook.cap) else hook.cap
    word = {"block": "soft-block" if hook.soft else "reject", "redact": "modify"}.get(action, "approve")
    return HookDecided(
        hook.id,
        hook.kind,
        word,
        action,
        finding.reason[:LONGEST_REASON],
        finding.rule,
        tuple(Span(cut.text, cut.start, cut.end) for cut in finding.cuts[:MOST_SPANS]),
        microseconds,
        finding.label,
    )


MOST_SPANS = 1_000


def failed(hook: Hook, why: str, microseconds: int) -> HookDecided:
    """The fact about a hook that did not decide: it abstains, and when it fails closed, that is a block."""
    action = "approve" if hook.fail == "open" else "block"
    return HookDecided(hook.id, hook.kind, "abstain", action, why, "", (), microseconds, "")


def strictest(decisions: Iterable[HookDecided]) -> HookDecided | None:
    """The decision that counts; of equal ones the first."""
    return max(decisions, key=lambda each: strictness(each.action), default=None)


def ordered(hooks: Iterable[Hook]) -> list[Hook]:
    return sorted(hooks, key=lambda hook: (-hook.priority, hook.id))


class BadCuts(ValueError):
    """Cuts that are not of these texts."""


def cut(texts: Sequence[str], cuts: Iterable[Cut]) -> list[str]:
    """The texts with every cut replaced; cuts that overlap become one, with the replacement of the first.

    Raises:
        BadCuts: one lies outside of its text, or would leave none of JSON. Nothing is cut by halves.
    """
    by_text: dict[int, list[Cut]] = {}
    for each in cuts:
        if not 0 <= each.text < len(texts) or not 0 <= each.start < each.end <= len(texts[each.text]):
            raise BadCuts("a redaction lies outside of the text")
        by_text.setdefault(each.text, []).append(each)
    result = list(texts)
    for index, mine in by_text.items():
        spans: list[tuple[int, int, str]] = []
        for each in sorted(mine, key=lambda one: (one.start, -one.end)):
            if spans and each.start < spans[-1][1]:
                start, end, replacement = spans[-1]
                spans[-1] = (start, max(end, each.end), replacement)
            else:
                spans.append((each.start, each.end, each.replacement))
        try:
            result[index] = replaced(texts[index], spans)
        except BrokenJson as broken:
            raise BadCuts(str(broken)) from None
    return result


def fit_reason(reason: str, texts: Sequence[str]) -> str:
    """A reason from outside in a form that may be kept and told: short, one line, and no quotation of the texts."""
    plain = " ".join("".join(char if char.isprintable() else " " for char in reason[: 4 * LONGEST_REASON]).split())
    plain = plain[:LONGEST_REASON]
    if any(map(_may_be_encoded, _RUN.findall(plain))):
        return WITHHELD_ENCODED
    said = plain.casefold()
    pieces = {said[at : at + _QUOTED] for at in range(len(said) - _QUOTED + 1)}
    # a short value is no word: it has digits or signs in it
    pieces.update(word for word in map(_bare, said.split()) if len(word) >= _LEAST_VALUE and not word.isalpha())
    numbers = {number for number in map(_digits, _NUMBER.findall(said)) if len(number) >= _LEAST_VALUE}
    for text in texts:
        folded = text.casefold()
        if any(piece in folded for piece in pieces):
            return WITHHELD
        if numbers and any(number in _digits(folded) for number in numbers):
            return WITHHELD
    return plain


def _may_be_encoded(run: str) -> bool:
    """Whether letters without a break are no word: base64 has digits, or capitals among the small letters."""
    return any(map(str.isdigit, run)) or not (run[1:].islower() or run.isupper())


_RUN = re.compile(r"[A-Za-z0-9+/=]{16,}")
_LEAST_VALUE = 4
_NUMBER = re.compile(r"[0-9][0-9 ./-]+[0-9]")


def _bare(word: str) -> str:
    return word.strip("\"'`.,:;()[]<>")


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))
