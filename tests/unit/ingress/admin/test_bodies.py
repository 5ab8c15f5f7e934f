"""Merge patches after RFC 7396, and bodies into structs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.admin.bodies import fit, merge_patch, parse_object
from schemas.errors import InvalidRequest

# the test cases of RFC 7396, appendix A: original, patch, result
RFC = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), RFC)
def test_merging_is_that_of_the_rfc(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(target, patch) == result


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(values, values)
def test_merging_twice_is_merging_once(target: Any, patch: Any) -> None:
    once = merge_patch(target, patch)
    assert merge_patch(once, patch) == once


@given(st.dictionaries(st.text(max_size=3), values, max_size=4), values)
def test_merging_leaves_its_arguments_alone(target: dict[str, Any], patch: Any) -> None:
    before = msgspec.json.encode((target, patch))
    merge_patch(target, patch)
    assert msgspec.json.encode((target, patch)) == before


class Shape(msgspec.Struct):
    name: str
    size: int = 0


@given(st.binary(max_size=64))
def test_no_body_breaks_the_parser(body: bytes) -> None:
    try:
        fit(parse_object(body), Shape)
    except InvalidRequest as error:
        assert error.message


def test_texts_of_a_query_become_numbers_and_those_of_a_body_do_not() -> None:
    assert fit({"name": "a", "size": "7"}, Shape, strict=False).size == 7
    with pytest.raises(InvalidRequest) as caught:
        fit({"name": "a", "size": "7"}, Shape)
    assert caught.value.param == "size"
