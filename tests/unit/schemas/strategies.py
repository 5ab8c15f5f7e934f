"""Any fact, segment and text, for property tests."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from schemas.codec import fact
from schemas.envelope import Fact
from schemas.registry import FACTS

INTS = st.integers(-(2**63), 2**64 - 1)
TEXTS = st.text(max_size=40)


def of_type(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Values of a msgspec type, as an encoder takes them."""
    match kind:
        case inspect.StructType():
            parts = {field.name: of_type(field.type) for field in kind.fields}
            return st.fixed_dictionaries(parts).map(lambda values, cls=kind.cls: cls(**values))  # type: ignore[misc]
        case inspect.VarTupleType():
            return st.lists(of_type(kind.item_type), max_size=3).map(tuple)
        case inspect.ListType():
            return st.lists(of_type(kind.item_type), max_size=3)
        case inspect.DictType():
            return st.dictionaries(of_type(kind.key_type), of_type(kind.value_type), max_size=3)
        case inspect.UnionType():
            return st.one_of([of_type(one) for one in kind.types])
        case inspect.NoneType():
            return st.none()
        case inspect.StrType():
            return TEXTS
        case inspect.IntType():
            return INTS
        case inspect.BoolType():
            return st.booleans()
        case inspect.BytesType():
            return st.binary(max_size=60)
    raise NotImplementedError(f"facts have no {kind} so far: say here how to make one")


def data() -> st.SearchStrategy[msgspec.Struct]:
    """The struct of any registered fact."""
    return st.sampled_from(FACTS).flatmap(lambda entry: of_type(inspect.type_info(entry.shape)))


@st.composite
def facts(draw: st.DrawFn, of: st.SearchStrategy[msgspec.Struct] | None = None) -> Fact:
    """Any fact, in any envelope."""
    return fact(
        draw(of or data()),
        id=draw(TEXTS),
        time=draw(INTS),
        tenant=draw(TEXTS),
        actor=draw(TEXTS),
        correlation=draw(TEXTS),
        causation=draw(TEXTS),
    )


# what MessagePack can say, as far as a decoder may meet it in a fact of an unknown kind
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | INTS | st.floats(allow_nan=False) | TEXTS | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS | INTS, inner, max_size=3),
    max_leaves=8,
)
