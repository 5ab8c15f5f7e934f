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
        ("see https://example.org or mail jane@example.org", "jane@example.org"),
        ("https://example.org?to=jane@example.org", "jane@example.org"),
        ("combo jane@example.org:Winter", "jane@example.org"),
        ("who uses ssh writes to jane; rsync.fan@example.org", "rsync.fan@example.org"),
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
        "ssh -p 2222 deploy@web01.example.org",
        "$ scp -r build/ ci@files.example.org:/srv/dist",
        "ci@files.example.org:/srv/dist",
        "ci@files.example.org:~/inbox",
        "git clone team@code.example.org:acme/widgets.git",
        "root@db1.prod.internal",
        "postgres@pg-0.pg.svc.cluster.local",
        "getty@tty1.service",
        "react@19.0.0-rc.next",
        "this@MainActivity.lifecycle",
        "redis://:J=b^r@cache.example.org",
    ],
)
def test_what_only_looks_like_an_address(value: str) -> None:
    assert contact.email(value) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("mobile: 07489 608072", "07489 608072"),
        ("Tél : 06 64 19 22 50", "06 64 19 22 50"),
        ("telefone (11) 90657-0468.", "(11) 90657-0468"),
        ("telefon: 557 445 474 ", "557 445 474"),
        ("phone: 2024-11-21 10", None),
        ("phone: 21.11.2024 100", None),
        ("mobile 320 480 768", None),
        ("phone: 0000000000", None),
        ("cell: 12 34 56 7 8 9", None),
        ("tel. 112", None),
    ],
)
def test_a_number_after_its_name(value: str, expected: str | None) -> None:
    span = contact.told_phone(value)
    assert (None if span is None else value[slice(*span)]) == expected


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
