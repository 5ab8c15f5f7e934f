"""A provider's error: reading its body, whatever its form, and telling of it. No wire format lives here."""

from __future__ import annotations

from typing import Any

from ingress.codecs.fields import decode_json
from schemas.conversation.answer import Failed
from schemas.errors import ProviderError

_MOST_BYTES = 65_536
"""Of a body that are looked at: a larger one is none of an error."""
_LONGEST = 2_000


def decoded(body: bytes) -> Any:
    """The JSON of a body; None where it is none."""
    try:
        return decode_json(body[:_MOST_BYTES])
    except ValueError:
        return None


def member(told: Any, name: str) -> Any:
    """A member of an object; None where it is absent, and of everything else."""
    return told.get(name) if isinstance(told, dict) else None


def clipped(told: Any, longest: int = _LONGEST) -> str:
    """A text of at most so many characters; empty for everything that is none."""
    return told[:longest] if isinstance(told, str) else ""


def broken_off(failed: Failed) -> ProviderError:
    """What a caller is told where a provider ends its stream with an error."""
    return ProviderError(failed.message or "The provider broke off the answer.", code=failed.code or None)
