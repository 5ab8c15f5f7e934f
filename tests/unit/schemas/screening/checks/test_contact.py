"""Addresses and telephone numbers: which part is the hit, and what only looks like one."""

from __future__ import annotations

import pytest

from schemas.screening.checks import contact


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("jane.doe@example.org", "jane.doe@example.org"),
        ("jane@example.org.", "jane@example.org"),
        ("..-jane@mail.example.co.uk", "jane@mail.example.co.uk"),
        ("a@b.example-", "a@b.example"),
        ("josé@correo.example", "josé@correo.example"),
    ],
)
def test_the_address_without_punctuation_is_the_hit(value: str, expected: str) -> None:
    span = contact.email(value)
    assert span is not None
    assert value[slice(*span)] == expected


@pytest.mark.parametrize(
    "value",
    [
        "git@github.com",
        "icon@2x.png",
        "a@b",
        "a@1.2.3",
        "a..b@example.org",
        "a.@example.org",
        "@example.org",
        f"{'a' * 65}@example.org",
        "a@-x.org",
    ],
)
def test_what_only_looks_like_an_address(value: str) -> None:
    assert contact.email(value) is None


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        ("+34 600 123 456", True),
        ("+44 (20) 7946-0958", True),
        ("+1234567", False),
        ("+1234567890123456", False),
        ("+44 (20 7946-0958", False),
        ("+11111111", False),
    ],
)
def test_international_numbers(value: str, holds: bool) -> None:
    assert contact.phone(value) is holds


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        ("415-555-0123", True),
        ("(415) 555-0123", True),
        ("+1 415.555.0123", True),
        ("911-555-0123", False),
        ("415-911-0123", False),
        ("415-555-012", False),
    ],
)
def test_north_american_numbers(value: str, holds: bool) -> None:
    assert contact.nanp(value) is holds
