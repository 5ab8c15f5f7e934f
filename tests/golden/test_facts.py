"""Every byte that was ever released is read for ever, and means what it meant."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from schemas.codec import encode_fact, open_fact
from schemas.registry import BY_NAME, FACTS, NAME_OF, UPCASTS
from tests.golden.examples import EXAMPLES
from tests.golden.files import SHAPES, decode, example, plain, released
from tests.golden.shapes import NEW_VERSION, broken, shape_of, shapes

RELEASED = list(released())
IDS = [name for name, _, _ in RELEASED]


def lost(old: Any, new: Any, where: str = "data") -> list[str]:
    """What the released meaning says and today's reading of it does not; fields that came later are no loss."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [problem for name in old for problem in lost(old[name], new.get(name), f"{where}.{name}")]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [problem for at, item in enumerate(old) for problem in lost(item, new[at], f"{where}[{at}]")]
    return [] if old == new else [f"{where} was {old!r}, is read as {new!r}"]


@pytest.mark.parametrize(("payload", "told"), [(payload, told) for _, payload, told in RELEASED], ids=IDS)
def test_released_bytes_are_read_and_written_alike(payload: bytes, told: dict[str, Any]) -> None:
    value = decode(payload)
    assert encode_fact(value) == payload
    assert {name: getattr(value, name) for name in told if name != "data"} == {
        k: v for k, v in told.items() if k != "data"
    }
    data = open_fact(value)
    assert data is not None, f"{value.type} is no longer known: {NEW_VERSION}"
    if value.type in UPCASTS:
        return
    assert lost(told["data"], plain(data)) == []
    if plain(data) == told["data"]:
        assert msgspec.msgpack.encode(data) == bytes(value.data)


@pytest.mark.parametrize("name", [*BY_NAME, *UPCASTS])
def test_every_fact_has_a_released_example(name: str) -> None:
    assert [told for _, _, told in RELEASED if told["type"] == name], "run `python -m tests.golden`"


@pytest.mark.parametrize("data", EXAMPLES, ids=lambda data: NAME_OF[type(data)])
def test_examples_as_they_are_today_are_released(data: msgspec.Struct) -> None:
    assert encode_fact(example(data)) in [payload for _, payload, _ in RELEASED], "run `python -m tests.golden`"


def test_examples_set_every_field_to_something_else_than_its_default() -> None:
    def left_out(value: Any, where: str) -> list[str]:
        if isinstance(value, tuple):
            return left_out(value[0], where) if value else [where]
        if not isinstance(value, msgspec.Struct):
            return []
        found = []
        for field in msgspec.structs.fields(value):
            inner = getattr(value, field.name)
            default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
            if default is not msgspec.NODEFAULT and inner == default:
                found.append(f"{where}.{field.name}")
            found += left_out(inner, f"{where}.{field.name}")
        return found

    # there is only one wire format so far
    assert {where for data in EXAMPLES for where in left_out(data, "") if not where.endswith(".wire")} == set()


def test_examples_are_of_every_fact() -> None:
    assert {type(data) for data in EXAMPLES} == {entry.shape for entry in FACTS}


def test_released_shapes_only_grow() -> None:
    old, now = json.loads(SHAPES.read_text()), shapes()
    assert [name for name in old if name not in now] == [], f"gone: {NEW_VERSION}"
    assert [problem for name in old for problem in broken(old[name], now[name], name)] == [], NEW_VERSION


def test_growth_is_recorded() -> None:
    assert json.loads(SHAPES.read_text()) == json.loads(json.dumps(shapes())), "run `python -m tests.golden`"


class Inner(msgspec.Struct, array_like=True):
    a: int


class Released(msgspec.Struct, array_like=True):
    name: str
    inner: Inner | None
    many: tuple[Inner, ...] = ()


class InnerGrown(msgspec.Struct, array_like=True):
    a: int
    b: int = 0


class Grown(msgspec.Struct, array_like=True):
    name: str
    inner: InnerGrown | None
    many: tuple[InnerGrown, ...] = ()
    more: str = ""


class Required(msgspec.Struct, array_like=True):
    name: str
    inner: Inner | None
    many: tuple[Inner, ...]


class Retyped(msgspec.Struct, array_like=True):
    name: bytes
    inner: Inner | None
    many: tuple[Inner, ...] = ()


class Renamed(msgspec.Struct, array_like=True):
    title: str
    inner: Inner | None
    many: tuple[Inner, ...] = ()


class Named(msgspec.Struct):
    name: str
    inner: Inner | None
    many: tuple[Inner, ...] = ()


class Shrunk(msgspec.Struct, array_like=True):
    name: str
    inner: Inner | None


def test_growth_at_the_end_is_no_break() -> None:
    assert broken(shape_of(Released), shape_of(Grown), "x") == []


@pytest.mark.parametrize("changed", [Required, Retyped, Renamed, Named, Shrunk])
def test_every_other_change_is_a_break(changed: type[msgspec.Struct]) -> None:
    assert len(broken(shape_of(Released), shape_of(changed), "x")) == 1


def test_taking_growth_back_is_a_break() -> None:
    assert len(broken(shape_of(Grown), shape_of(Released), "x")) == 3
