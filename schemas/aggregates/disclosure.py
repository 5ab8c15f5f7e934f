"""Specs as people may see them: without what authenticates somebody. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.aggregates.credential import SealedSecret

WITHHELD = frozenset({"hash"})
"""Fields that authenticate somebody; sealed secrets are recognised by their type."""


def disclosed(value: Any) -> Any:
    """A spec by field name, in builtins; a sealed secret is only told as being there."""
    if isinstance(value, SealedSecret):
        return "(sealed)"
    if isinstance(value, msgspec.Struct):
        names = value.__struct_fields__
        return {name: disclosed(getattr(value, name)) for name in names if name not in WITHHELD}
    if isinstance(value, list | tuple):
        return [disclosed(item) for item in value]
    if isinstance(value, dict):
        return {key: disclosed(item) for key, item in value.items()}
    return value
