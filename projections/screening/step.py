"""The one step that all placements of screening take, so that they leave equal facts."""

from __future__ import annotations

from collections.abc import Sequence

from projections.screening.screener import Screener
from projections.screening.seams import screen_seams
from projections.screening.tools import screen_both
from schemas.facts.traffic import RequestScreened
from schemas.screening.allowing import ValueHash, without_allowed
from schemas.screening.model import ScreeningPolicy, Verdict

NOT_SCREENED = Verdict(action="approve", hits=(), rule="", pack="")
"""The answer where the policy has screening off: no pack was asked."""


def screen_step(
    screener: Screener,
    texts: Sequence[str],
    direction: str,
    policy: ScreeningPolicy,
    tools: Sequence[int] = (),
    hash_of: ValueHash | None = None,
) -> Verdict:
    """The verdict on these texts under this policy: a function of its arguments and nothing else.

    `inline` calls it in the ingress, `stream` in a worker that the ingress waits for, `observe` in a worker
    afterwards.

    Args:
        tools: which of the texts are of tools, by number.
        hash_of: of the tenant's values; without it, none of those that the policy allows is known.
    """
    if not policy.enabled:
        return NOT_SCREENED
    if tools:
        found = screen_both(screener, texts, direction, policy, tools)
    else:
        found = screener.screen(texts, direction, policy)
    if direction == "request" and len(texts) > 1:
        found = screen_seams(screener, texts, direction, policy, found)
    if policy.allowed and found.hits and hash_of is not None:
        return without_allowed(found, texts, policy.allowed, hash_of)
    return found


def screened(stage: str, verdict: Verdict, characters: int) -> RequestScreened:
    """The fact that a verdict on so many characters leaves, whoever came to it."""
    return RequestScreened(stage, verdict.action, verdict.rule, verdict.pack, verdict.hits, characters, verdict.allowed)
