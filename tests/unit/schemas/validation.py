"""As much of JSON Schema as the generated documents use; an unknown keyword is an error, not a pass."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
WORDS = {"$schema", "$id", "title", "description", "x-position", "format", "contentEncoding", "if", "then"}
"""What says nothing about validity, or is seen to elsewhere."""


def faults(value: Any, schema: Mapping[str, Any], others: Mapping[str, Any], where: str = "$") -> list[str]:
    """Every place where a value does not fit.

    Args:
        others: documents that `$ref` may name.
    """
    found = []
    for word, wanted in schema.items():
        match word:
            case "type":
                if not isinstance(value, TYPES[wanted]) or (wanted == "integer" and isinstance(value, bool)):
                    return [f"{where} is no {wanted}"]
            case "properties":
                for name in wanted.keys() & value.keys():
                    found += faults(value[name], wanted[name], others, f"{where}.{name}")
            case "required":
                found += [f"{where}.{name} is missing" for name in wanted if name not in value]
            case "additionalProperties":
                for name in value:
                    found += faults(value[name], wanted, others, f"{where}.{name}")
            case "items":
                for at, item in enumerate(value):
                    found += faults(item, wanted, others, f"{where}[{at}]")
            case "anyOf":
                if all(faults(value, one, others) for one in wanted):
                    found.append(f"{where} fits none of {len(wanted)}")
            case "allOf":
                for one in wanted:
                    if "if" not in one or not faults(value, one["if"], others):
                        found += faults(value, one.get("then", one), others, where)
            case "const":
                found += [] if value == wanted else [f"{where} is not {wanted}"]
            case "enum":
                found += [] if value in wanted else [f"{where} is none of {wanted}"]
            case "pattern":
                found += [] if re.search(wanted, value) else [f"{where} does not match {wanted}"]
            case "minLength":
                found += [] if len(value) >= wanted else [f"{where} is too short"]
            case "$ref":
                found += faults(value, others[wanted], others, where)
            case _:
                assert word in WORDS, f"the validator does not know {word}"
    return found
