"""Which entry of the price catalogue is a model's. Pure; the prices are in `makers` and `hosts`."""

from __future__ import annotations

import re

from schemas.prices.entry import Entry
from schemas.prices.hosts import HOSTS
from schemas.prices.makers import MAKERS

CATALOGUE: tuple[Entry, ...] = (*MAKERS, *HOSTS)
_BY_NAME = {(entry.wire, entry.name.lower()): entry for entry in CATALOGUE}
SAME_AS = {"azure": "openai", "vertex": "gemini"}
"""Kinds of providers that sell another's models at its list prices."""
_REGION = re.compile(r"(?:us|eu|apac|jp|au|global|us-gov)\.")
_ENDINGS = (re.compile(r":\d+$"), re.compile(r"-v\d+$"), re.compile(r"-(?:latest|\d{4}-\d{2}-\d{2}|\d{8}|\d{4})$"))
"""Of names, in the order in which they are taken off: a version, another, a date."""


def known_price(wire: str, upstream: str) -> Entry | None:
    """The entry for a provider's name of a model: by the whole name, else without version and date.

    Args:
        wire: kind of the provider; at one of no known kind nothing is known, since anybody may serve anything there.
    """
    wire = SAME_AS.get(wire, wire)
    name = upstream.lower()
    if wire == "bedrock":
        name = _REGION.sub("", name.rpartition("/")[2], count=1)
    elif wire == "gemini":
        name = name.removeprefix("models/")
    found = _BY_NAME.get((wire, name))
    for ending in _ENDINGS:
        if found is not None:
            break
        name = ending.sub("", name)
        found = _BY_NAME.get((wire, name))
    return found
