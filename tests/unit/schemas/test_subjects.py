"""Laws of subjects: any name becomes one legal token and comes back from it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import subjects

# an id is UTF-8 text, which lone surrogates are not
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
LEGAL = re.compile(r"[A-Za-z0-9_=-]+\Z")


@given(NAMES)
def test_a_token_is_legal_and_comes_back(text: str) -> None:
    token = subjects.token(text)
    assert LEGAL.match(token)
    assert subjects.untoken(token) == text


@given(NAMES, NAMES)
def test_different_names_have_different_tokens(one: str, other: str) -> None:
    assert (subjects.token(one) == subjects.token(other)) == (one == other)


@pytest.mark.parametrize(
    ("text", "token"),
    [("acme-1_x", "acme-1_x"), ("", "="), ("=", "=3D"), ("mock/gpt-4o", "mock=2Fgpt-4o"), ("a.b*>", "a=2Eb=2A=3E")],
)
def test_tokens_look_as_written_down(text: str, token: str) -> None:
    # they are on the log for ever, so the form itself is fixed
    assert subjects.token(text) == token


@given(NAMES, NAMES, NAMES)
def test_a_config_subject_comes_back(tenant: str, aggregate: str, identifier: str) -> None:
    subject = subjects.config(tenant, aggregate, identifier)
    assert subject.count(".") == 3
    assert subjects.parse_config(subject) == (tenant, aggregate, identifier)


@pytest.mark.parametrize("subject", ["", "config.a.b", "config.a.b.c.d", "traffic.0", "ops.a.b.c"])
def test_other_subjects_are_not_config(subject: str) -> None:
    with pytest.raises(ValueError):
        subjects.parse_config(subject)


@given(NAMES)
def test_a_name_never_adds_a_level(name: str) -> None:
    assert subjects.decisions(name, name).count(".") == 2
    for build in (subjects.ledger, subjects.ops, subjects.export, subjects.dead):
        assert build(name).count(".") == 1
    assert subjects.screening_work(name).count(".") == 2


@given(NAMES, NAMES, st.integers(1, 64))
def test_a_request_stays_in_one_partition(tenant: str, request: str, partitions: int) -> None:
    partition = subjects.partition_of(tenant, request, partitions)
    assert 0 <= partition < partitions
    assert partition == subjects.partition_of(tenant, request, partitions)
    assert subjects.traffic(partition) == f"traffic.{partition}"


def test_requests_spread_over_all_partitions() -> None:
    assert {subjects.partition_of("acme", f"request-{number}", 8) for number in range(200)} == set(range(8))
