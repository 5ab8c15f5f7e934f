"""Fields that are unknown are left out, at every depth, and nothing else is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from msgspec import inspect

from schemas.tolerance import without_unknown
from tests.unit.schemas.strategies import data


class Part(msgspec.Struct, forbid_unknown_fields=True):
    a: int


class Row(msgspec.Struct, array_like=True):
    part: Part


class Whole(msgspec.Struct, forbid_unknown_fields=True):
    part: Part | None = None
    many: tuple[Part, ...] = ()
    named: dict[str, Part] = {}
    rows: list[Row] = []


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ({"new": 1}, {}),
        ({"part": {"a": 1, "b": 2}}, {"part": {"a": 1}}),
        ({"part": None}, {"part": None}),
        ({"many": [{"a": 1, "b": 2}, {"a": 3}]}, {"many": [{"a": 1}, {"a": 3}]}),
        ({"named": {"b": {"a": 1, "b": 2}}}, {"named": {"b": {"a": 1}}}),
        ({"rows": [[{"a": 1, "b": 2}, "more"]]}, {"rows": [[{"a": 1}]]}),
        ({"part": "wrong"}, {"part": "wrong"}),
        ({"many": 7}, {"many": 7}),
    ],
)
def test_by_hand(given_: Any, kept: Any) -> None:
    assert without_unknown(given_, inspect.type_info(Whole)) == kept


@given(data())
def test_what_is_known_stays(value: msgspec.Struct) -> None:
    decoded = msgspec.msgpack.decode(msgspec.msgpack.encode(value))
    assert without_unknown(decoded, inspect.type_info(type(value))) == decoded
