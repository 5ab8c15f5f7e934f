"""The two ways in which this API lets its JSON be written. Source: Protocol Buffers documentation, "ProtoJSON Format".

Every parser of it takes names in camel case and in the original snake case, and bytes in both alphabets of base64;
Google's own client libraries send some of each.
"""

from __future__ import annotations

import re
from typing import Any

_HUMP = re.compile(r"_([a-z])")
_OWN = frozenset(
    {"args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "labels"}
)
"""Members whose inside is the caller's own."""
_STANDARD = str.maketrans("-_", "+/")


def camel_name(name: str) -> str:
    return _HUMP.sub(lambda match: match[1].upper(), name) if "_" in name else name


def camel(value: Any) -> Any:
    """The same with the names of the API in camel case. Nothing that is given is changed."""
    if isinstance(value, dict):
        found = {}
        for name, each in value.items():
            name = camel_name(name)
            found[name] = each if name in _OWN else camel(each)
        return found
    return [camel(each) for each in value] if isinstance(value, list) else value


def standard(data: str) -> str:
    """Base64 in the alphabet that every other protocol wants, padded."""
    if "-" in data or "_" in data:
        data = data.translate(_STANDARD)
    return data + "=" * (-len(data) % 4)
