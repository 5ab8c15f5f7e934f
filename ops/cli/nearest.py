"""What somebody may have meant who wrote a name that does not exist. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence that offers the likeliest name, or all of them."""
    names = sorted(known)
    likely = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean {likely[0]}?" if likely else f"; there are {', '.join(names)}"
