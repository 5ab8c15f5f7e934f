"""What switches say of one request: whether a kill stops it, what a passthrough takes it around. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from schemas.aggregates.kill import Kill
from schemas.aggregates.passthrough import Passthrough


class Bypass(msgspec.Struct, frozen=True):
    """What one request goes around, and by which passthroughs."""

    names: frozenset[str] = frozenset()
    """Of `schemas.aggregates.passthrough.BYPASSES`."""
    passthroughs: tuple[str, ...] = ()


NOTHING = Bypass()


def killed(kills: Iterable[Kill], *, key: str = "", route: str = "") -> Kill | None:
    """The first switch, in the order given, that stops a request of this key, or on this route.

    Args:
        kills: of the request's tenant, and those of everybody.
        key, route: empty while not yet known, or already asked about.
    """
    for kill in kills:
        if kill.scope in ("everything", "tenant"):
            return kill
        if kill.target == (key if kill.scope == "key" else route):
            return kill
    return None


def bypassed(
    passthroughs: Iterable[Passthrough], *, route: str, accounts: Callable[[], Iterable[str]], now_us: int
) -> Bypass:
    """What a request goes around at this moment.

    One for a provider counts only if the request can go to nobody else: what another one might get is still looked at.

    Args:
        passthroughs: of the request's tenant, and those of everybody.
        accounts: every provider account that the route may lead to; asked only if it matters.
    """
    names: set[str] = set()
    found: list[str] = []
    for each in passthroughs:
        if not each.on(now_us):
            continue
        if each.scope == "route" and each.target != route:
            continue
        if each.scope == "provider" and set(accounts()) != {each.target}:
            continue
        names.update(each.bypass)
        found.append(each.id)
    return Bypass(frozenset(names), tuple(sorted(found))) if found else NOTHING
