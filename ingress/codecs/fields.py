"""Reading decoded JSON that strangers wrote: typed, with the field's name in the error. No wire format lives here."""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.errors import InvalidRequest

_decode = msgspec.json.Decoder().decode


def decode_json(raw: bytes) -> Any:
    """Raises ValueError for what is not JSON, whatever way it is broken."""
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ValueError("not JSON") from None


def wrong(where: str, wanted: str) -> InvalidRequest:
    return InvalidRequest(f"'{where}' must be {wanted}.", param=where)


def decode_object(text: str) -> dict[str, Any] | None:
    """A JSON object that a model wrote; None for whatever is none."""
    try:
        value = decode_json(text.encode("utf-8", "surrogatepass"))
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


MOST_TOKENS = 10**9
"""That one answer may claim: what is beyond is no number of tokens, and no fact, price or sum could hold it."""


def count(value: Any) -> int:
    """A number of tokens that a provider told; 0 for everything that is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MOST_TOKENS else 0


class Fields:
    """An object of a request. Each getter gives None for a field that is absent or null.

    `rest()` is what nobody asked for: the fields that only this protocol knows.
    """

    __slots__ = ("_seen", "body", "where")

    def __init__(self, body: Any, where: str = "") -> None:
        if not isinstance(body, dict):
            raise wrong(where or "body", "an object")
        self.body: dict[str, Any] = body
        self.where = where
        self._seen: set[str] = set()

    def path(self, name: str) -> str:
        return f"{self.where}.{name}" if self.where else name

    def any(self, name: str) -> Any:
        self._seen.add(name)
        return self.body.get(name)

    def string(self, name: str, *, needed: bool = False) -> str:
        value = self.any(name)
        if value is None and not needed:
            return ""
        if not isinstance(value, str) or (needed and not value):
            raise wrong(self.path(name), "a string" if not needed else "a string that is not empty")
        return value

    def flag(self, name: str) -> bool | None:
        value = self.any(name)
        if value is not None and not isinstance(value, bool):
            raise wrong(self.path(name), "true or false")
        return value

    def integer(self, name: str, least: int | None = None) -> int | None:
        value = self.any(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise wrong(self.path(name), "an integer")
        if value is not None and least is not None and value < least:
            raise wrong(self.path(name), f"at least {least}")
        return value

    def number(self, name: str) -> float | None:
        value = self.any(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise wrong(self.path(name), "a number")
        return value

    def array(self, name: str, *, needed: bool = False) -> list[Any]:
        value = self.any(name)
        if value is None and not needed:
            return []
        if not isinstance(value, list) or (needed and not value):
            raise wrong(self.path(name), "an array" if not needed else "an array that is not empty")
        return value

    def object(self, name: str) -> dict[str, Any] | None:
        value = self.any(name)
        if value is not None and not isinstance(value, dict):
            raise wrong(self.path(name), "an object")
        return value

    def inner(self, name: str) -> Fields | None:
        value = self.object(name)
        return None if value is None else Fields(value, self.path(name))

    def each(self, name: str, *, needed: bool = False) -> list[Fields]:
        return [Fields(item, f"{self.path(name)}[{at}]") for at, item in enumerate(self.array(name, needed=needed))]

    def strings(self, name: str) -> tuple[str, ...]:
        """A string or an array of strings."""
        value = self.any(name)
        if value is None:
            return ()
        if isinstance(value, str):
            return (value,)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise wrong(self.path(name), "a string or an array of strings")
        return tuple(value)

    def rest(self) -> dict[str, Any]:
        return {name: value for name, value in self.body.items() if name not in self._seen and value is not None}


def put(body: dict[str, Any], **values: Any) -> None:
    """Sets the fields that have something to say."""
    for name, value in values.items():
        if value is not None and value != "" and value != () and value != [] and value != {}:
            body[name] = value
