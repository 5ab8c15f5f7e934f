"""Reading what a newer version wrote: fields unknown here are left out. Pure, and only on the slow path."""

from __future__ import annotations

from typing import Any

import msgspec


def without_unknown(value: Any, kind: msgspec.inspect.Type) -> Any:
    """Decoded data without the fields that its type does not have, at every depth; anything else as it is.

    Specs refuse unknown fields, because a person who sends one has made a mistake. A fact with one comes from a newer
    version, and fields are only ever added with defaults, so what is known still means the same.
    """
    match kind:
        case msgspec.inspect.StructType() if isinstance(value, dict):
            known = {field.encode_name: field.type for field in kind.fields}
            return {name: without_unknown(item, known[name]) for name, item in value.items() if name in known}
        case msgspec.inspect.StructType() if isinstance(value, list) and kind.array_like:
            types = [field.type for field in kind.fields]
            return [without_unknown(item, of) for item, of in zip(value, types, strict=False)]
        case msgspec.inspect.UnionType() if value is not None:
            structs = [one for one in kind.types if isinstance(one, msgspec.inspect.StructType)]
            return without_unknown(value, structs[0]) if len(structs) == 1 else value
        case msgspec.inspect.VarTupleType() | msgspec.inspect.ListType() if isinstance(value, list):
            return [without_unknown(item, kind.item_type) for item in value]
        case msgspec.inspect.DictType() if isinstance(value, dict):
            return {name: without_unknown(item, kind.value_type) for name, item in value.items()}
    return value
