"""The shape of a struct as data, and what may become of it once it is released: fields at the end, with defaults."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import inspect

from schemas.registry import FACTS, UPCASTS

NEW_VERSION = (
    "a released fact keeps its shape. Give the new shape a new name (…v2) in schemas/registry.py, put the old one with "
    "an upcast into UPCASTS, add examples of both to tests/golden/examples.py and run `python -m tests.golden`"
)


def shapes() -> dict[str, Any]:
    """Every fact's shape by name, of older versions too."""
    today = {entry.name: shape_of(entry.shape) for entry in FACTS}
    return {**today, **{name: shape_of(old) for name, (old, _) in UPCASTS.items()}}


def shape_of(struct: type[msgspec.Struct]) -> Any:
    return _shape(inspect.type_info(struct))


def _shape(kind: inspect.Type) -> Any:
    match kind:
        case inspect.StructType():
            layout = "positions" if kind.array_like else "names"
            return {layout: [[field.name, _shape(field.type), field.required] for field in kind.fields]}
        case inspect.VarTupleType() | inspect.ListType():
            return {"many": _shape(kind.item_type)}
        case inspect.DictType():
            return {"map": [_shape(kind.key_type), _shape(kind.value_type)]}
        case inspect.UnionType():
            return {"any of": sorted((_shape(one) for one in kind.types), key=str)}
    return type(kind).__name__.removesuffix("Type").lower()


def broken(old: Any, new: Any, where: str) -> list[str]:
    """Every way in which the new shape cannot read what the old one wrote; empty when it only grew."""
    layout = next((name for name in ("positions", "names") if isinstance(old, dict) and name in old), None)
    if layout is None:
        if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys() == {"many"}:
            return broken(old["many"], new["many"], f"{where}[]")
        if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys() == {"any of"}:
            if len(old["any of"]) != len(new["any of"]):
                return [f"{where} was {old}, is {new}"]
            pairs = zip(old["any of"], new["any of"], strict=True)
            return [problem for before, after in pairs for problem in broken(before, after, where)]
        return [] if old == new else [f"{where} was {old}, is {new}"]
    if not isinstance(new, dict) or layout not in new:
        return [f"{where} was a struct by {layout}, is something else"]
    found = []
    for at, (name, kind, required) in enumerate(old[layout]):
        if at >= len(new[layout]) or new[layout][at][0] != name:
            found.append(f"{where}.{name} is gone from place {at}")
            continue
        _, kind_now, required_now = new[layout][at]
        if required != required_now:
            found.append(f"{where}.{name} was {_word(required)}, is {_word(required_now)}")
        found += broken(kind, kind_now, f"{where}.{name}")
    for name, _, required in new[layout][len(old[layout]) :]:
        if required:
            found.append(f"{where}.{name} is new and has no default")
    return found


def _word(required: bool) -> str:
    return "required" if required else "optional"
