"""Gemini's own schemas as JSON Schema, as its clients write them."""

from __future__ import annotations

from typing import Any

import pytest

from ingress.codecs.gemini.schema import json_schema

TEXT = {"type": "STRING"}
ARRAY, DATE = {"type": "ARRAY"}, {"type": "STRING", "format": "date"}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "STRING", "nullable": False}, {"type": "string"}),
        ({"any_of": [TEXT, {"type": "INTEGER"}]}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        ({"anyOf": [TEXT], "nullable": True}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"type": "STRING", "enum": ["a"], "nullable": True}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({**ARRAY, "items": TEXT, "min_items": "1"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}),
        (
            {"type": "OBJECT", "properties": {"any_of": TEXT, "nullable": TEXT}, "property_ordering": ["any_of"]},
            {"type": "object", "properties": {"any_of": {"type": "string"}, "nullable": {"type": "string"}}},
        ),
        ({"ref": "#/$defs/A", "defs": {"A": TEXT}}, {"$ref": "#/$defs/A", "$defs": {"A": {"type": "string"}}}),
        ({**DATE, "max_length": "x"}, {"type": "string", "format": "date", "maxLength": "x"}),
        ([TEXT, 7], [{"type": "string"}, 7]),
        (None, None),
    ],
)  # fmt: skip
def test_schemas(given: Any, found: Any) -> None:
    assert json_schema(given) == found
