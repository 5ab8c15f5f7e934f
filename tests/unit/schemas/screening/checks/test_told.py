"""Secrets told in command lines, files and sentences: which part is the secret, and what only looks like one."""

from __future__ import annotations

import pytest

from schemas.screening.checks import resolve


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("command-password", "sshpass -p fak3Passw0rd", "fak3Passw0rd"),
        ("command-password", "mysql -u root -pfak3Passw0rd", "fak3Passw0rd"),
        ("command-password", "PGPASSWORD=changeme", None),
        ("spoken-password", "password for the vpn is fak3Passw0rd!", "fak3Passw0rd"),
        ("spoken-password", "password is required", None),
        ("env-value", "DB_PASSWORD=fak3Passw0rd", "fak3Passw0rd"),
        ("env-value", "DB_PASSWORD=your_password1", None),
        ("xml-secret", "<password>fak3Passw0rd", "fak3Passw0rd"),
        ("xml-secret", "<token>identifier", None),
        ("mnemonic", "seed phrase: " + "apple river " * 6, ("apple river " * 6).strip()),
        ("mnemonic", "seed phrase is a list of words that you must keep to yourself for good", None),
        (
            "private-jwk",
            '{"kty":"EC","d":"jpsQnnGQmL-YBIffH1136cspYG6"}',
            '{"kty":"EC","d":"jpsQnnGQmL-YBIffH1136cspYG6"}',
        ),
        ("private-jwk", '{"kty":"EC","x":"jpsQnnGQmL-YBIffH1136cspYG6"}', None),
        ("three-parts", "perm:abc.def." + "x1" * 16, "perm:abc.def." + "x1" * 16),
        ("three-parts", "perm:abc.def", None),
    ],
)
def test_the_secret_is_the_hit(name: str, value: str, expected: str | None) -> None:
    check = resolve(name)
    assert check is not None
    span = check(value)
    assert (None if span is None else value[slice(*span)]) == expected
