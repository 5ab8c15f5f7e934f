"""This API's own schema language as JSON Schema. Source: Gemini API reference, "Schema"; "ProtoJSON Format"."""

from __future__ import annotations

from typing import Any

from ingress.codecs.gemini.naming import camel_name

_INNER = frozenset({"items", "anyOf", "prefixItems", "additionalProperties"})
_NAMED = frozenset({"properties", "defs", "$defs"})
"""Members whose names are the caller's own, with a schema behind each."""
_COUNTS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
"""64-bit numbers, which this form of JSON has as texts."""
_OWN = frozenset({"nullable", "propertyOrdering"})
_REFERENCES = {"ref": "$ref", "defs": "$defs"}


def json_schema(schema: Any) -> Any:
    """Types in upper case, `nullable` instead of a type of null, names in either case: Google's clients send some of
    each."""
    if isinstance(schema, list):
        return [json_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found: dict[str, Any] = {}
    nullable = False
    for written, value in schema.items():
        name = camel_name(written)
        if name == "type" and isinstance(value, str):
            found[name] = value.lower()
        elif name in _NAMED and isinstance(value, dict):
            found[_REFERENCES.get(name, name)] = {key: json_schema(inner) for key, inner in value.items()}
        elif name in _INNER:
            found[name] = json_schema(value)
        elif name in _COUNTS and isinstance(value, str) and value.isdecimal() and len(value) < 20:
            found[name] = int(value)
        elif name == "nullable":
            nullable = value is True
        elif name not in _OWN:
            found[_REFERENCES.get(name, name)] = value
    if nullable:
        _let_be_null(found)
    return found


def _let_be_null(schema: dict[str, Any]) -> None:
    kind, choices = schema.get("type"), schema.get("anyOf")
    if isinstance(choices, list):
        schema["anyOf"] = [*choices, {"type": "null"}]
    elif isinstance(kind, str):
        schema["type"] = [kind, "null"]
    if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
