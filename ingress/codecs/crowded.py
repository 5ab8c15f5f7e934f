"""Bodies made of more values than anybody needs: to write one in another protocol would hold up every other caller."""

from __future__ import annotations

from typing import Any

from schemas.errors import TooLarge

MOST_VALUES = 100_000
"""Texts, arrays and objects of one request: about a second of work. A conversation of a thousand turns with tools has
some ten thousand, the largest batch of inputs that any provider takes as many."""
MOST_NUMBERS = 1_000_000
"""Values of any kind, those included: prompts may be cut into tokens, which cost next to nothing each."""
_SMALL_BYTES = 3 * MOST_VALUES
"""So many that the values of a smaller body, with a comma each, cannot be too many."""


def refuse_crowd(raw: bytes, body: dict[str, Any]) -> None:
    """
    Args:
        raw: what the body was decoded from.

    Raises:
        TooLarge: it holds too many values.
    """
    if len(raw) <= _SMALL_BYTES:
        return
    values = everything = 0
    waiting: list[Any] = [body]
    while waiting:
        held = waiting.pop()
        everything += len(held)
        if everything <= MOST_NUMBERS:
            inside = [each for each in (held.values() if type(held) is dict else held) if type(each) in _COUNTED]
            values += len(inside)
        if values > MOST_VALUES or everything > MOST_NUMBERS:
            raise TooLarge(
                f"The body of the request holds more than {MOST_VALUES:,} values; send fewer messages, parts or inputs "
                "at a time."
            )
        waiting += [each for each in inside if type(each) is not str]


_COUNTED = frozenset({str, list, dict})
