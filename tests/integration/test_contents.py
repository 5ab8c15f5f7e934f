"""Equal contents have equal hashes; any difference shows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.integration.contents import ContentHash, Contents

VALUES = st.one_of(
    st.text(max_size=5), st.integers(-(2**63), 2**63 - 1), st.booleans(), st.dates(), st.lists(st.text(max_size=2))
)
ROWS = st.lists(st.tuples(VALUES, VALUES), max_size=8)


def contents(rows: Any) -> Contents:
    hashed = ContentHash()
    hashed.add(rows)
    return hashed.contents


@given(ROWS, st.randoms(use_true_random=False), st.integers(0, 8))
def test_neither_order_nor_batches_matter(rows: list[Any], chance: Any, cut: int) -> None:
    shuffled = list(rows)
    chance.shuffle(shuffled)
    in_parts = ContentHash()
    in_parts.add(shuffled[:cut])
    in_parts.add(shuffled[cut:])
    assert in_parts.contents == contents(rows)


@given(ROWS, ROWS)
def test_different_rows_differ(one: list[Any], other: list[Any]) -> None:
    def multiset(rows: list[Any]) -> list[str]:
        return sorted(repr(row) for row in rows)

    assert (contents(one) == contents(other)) == (multiset(one) == multiset(other))


@given(ROWS.filter(bool))
def test_a_row_that_is_there_twice_counts_twice(rows: list[Any]) -> None:
    assert contents([*rows, rows[0]]) != contents(rows)
    assert contents([*rows, rows[0], rows[0]]).hash != contents(rows).hash


def test_times_are_equal_however_a_driver_tells_them() -> None:
    aware = datetime(2025, 11, 20, 1, 2, 3, 456789, tzinfo=UTC)
    assert contents([(aware, date(2025, 1, 1))]) == contents([(aware.replace(tzinfo=None), date(2025, 1, 1))])
    assert contents([(aware,)]) != contents([(aware.replace(microsecond=456788),)])
