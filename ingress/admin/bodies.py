"""JSON bodies and query parameters into structs, and merge patches. Errors name fields and never quote values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from schemas.errors import InvalidRequest

T = TypeVar("T")
LOWEST, HIGHEST = -(2**63), 2**63 - 1
_PATH = re.compile(r" - at `\$\.?(?P<path>[^`]*)`\Z")
_FIELD = re.compile(r"field `(?P<name>[^`]*)`")


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body.

    Raises:
        InvalidRequest: it holds none.
    """
    if not body:
        raise InvalidRequest("The body is empty; send a JSON object.")
    try:
        found = msgspec.json.decode(body, type=dict[str, Any])
        _check_storable(found, "")
    except msgspec.MsgspecError as error:
        raise InvalidRequest(f"The body is not a JSON object: {_clean(str(error))}") from None
    except RecursionError:
        raise InvalidRequest("The body is nested too deeply.") from None
    return found


def refuse_unknown(given: Iterable[str], known: Iterable[str], what: str = "field") -> None:
    """Raises InvalidRequest that names every unknown name and all the known ones."""
    allowed = tuple(known)
    unknown = sorted(set(given) - set(allowed))
    if unknown:
        named = ", ".join(name[:64] for name in unknown[:10])
        raise InvalidRequest(f"unknown {what}: {named}; known are {', '.join(allowed)}", param=unknown[0][:64])


def fit(given: Mapping[str, Any], shape: type[T], *, strict: bool = True, what: str = "field") -> T:
    """The struct that the values make.

    Args:
        strict: False for texts of a query, which then may stand for numbers and booleans.

    Raises:
        InvalidRequest: an unknown name, a missing one, a wrong type; `param` is the path.
    """
    refuse_unknown(given, shape.__struct_fields__, what)  # type: ignore[attr-defined]
    try:
        return msgspec.convert(dict(given), shape, strict=strict)
    except msgspec.ValidationError as error:
        text = str(error)
        path = _PATH.search(text)
        field = _FIELD.search(text)
        param = ".".join(part for part in (path["path"] if path else "", field["name"][:64] if field else "") if part)
        raise InvalidRequest(f"{param or what}: {_clean(text)}", param=param or None) from None


def merge_patch(target: Any, patch: Any) -> Any:
    """JSON Merge Patch (RFC 7396): objects are merged, null takes a member away, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def _check_storable(value: Any, path: str) -> None:
    """Raises InvalidRequest for what JSON can say and no store can hold."""
    if isinstance(value, dict):
        for name, item in value.items():
            _check_storable(name, path)
            _check_storable(item, f"{path}.{name[:64]}" if path else name[:64])
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_storable(item, f"{path}[{index}]")
    elif isinstance(value, str) and "\0" in value:
        raise InvalidRequest(f"{path}: a text must not hold the character NUL", param=path)
    elif isinstance(value, int) and not LOWEST <= value <= HIGHEST:
        raise InvalidRequest(f"{path}: a number must fit into 64 bits with a sign", param=path)


def _clean(text: str) -> str:
    """A decoder's message without its path, which stands before it already."""
    return _PATH.sub("", text)
