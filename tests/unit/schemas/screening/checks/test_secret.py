"""Secrets against what looks like them. All values are made up."""

from __future__ import annotations

import base64
import string
import zlib

import pytest

from schemas.screening.checks import resolve, secret


def _part(value: str, span: tuple[int, int] | None) -> str | None:
    return None if span is None else value[slice(*span)]


def test_entropy_counts_bits_a_character() -> None:
    assert secret.entropy("") == 0
    assert secret.entropy("aaaa") == 0
    assert secret.entropy("abab") == pytest.approx(1)
    assert secret.entropy("0123456789abcdef") == pytest.approx(4)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("password = 'fak3Passw0rd'"[:-1], "fak3Passw0rd"),
        ('api_key": "Zx9fake8Wq7"'[:-1], "Zx9fake8Wq7"),
        ("pwd:fak3Passw0rd.", "fak3Passw0rd"),
        ("secret => fak3Passw0rd", "fak3Passw0rd"),
        ("password=short1", None),
        ("password=onlyletters", None),
        ("password=changeme1234", None),
        ("password=settings.DB_PASSWORD_1", None),
        ("password=os.environ['A1']", None),
        ("password=${DB_PASSWORD_1}", None),
        ("password=aaaaaaaa1", None),
    ],
)
def test_assigned_values(value: str, expected: str | None) -> None:
    assert _part(value, secret.assigned(value)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("postgres://u:fak3@h/db", "fak3"),
        ("redis://:fak3@h", "fak3"),
        ("postgres://u:p@ss@h/db", "p@ss"),
        ("mysql://u:fak3@h?x=a@b", "fak3"),
        ("https://h:8080/a@b", None),
        ("postgres://u@h", None),
        ("postgres://u:@h", None),
        ("postgres://u:${PW}@h", None),
        ("postgres://u:password@h", None),
        ("postgres://u:fak3@", None),
    ],
)
def test_passwords_of_urls(value: str, expected: str | None) -> None:
    assert _part(value, secret.url_password(value)) == expected


def _b64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


HEADER = _b64('{"alg":"HS256"}')
BODY = _b64('{"sub":"nobody"}')


def test_a_token_needs_a_header_that_names_an_algorithm() -> None:
    good = f"{HEADER}.{BODY}.c2lnbmF0dXJl"
    assert _part(good + ".", secret.jwt(good + ".")) == good
    assert secret.jwt(f"{BODY}.{HEADER}.c2lnbmF0dXJl") is None
    assert secret.jwt(f"{HEADER}.{BODY}") is None
    assert secret.jwt(f"eyJ!!!.{BODY}.x") is None


def test_a_private_key_ends_with_its_armour_or_with_its_last_line() -> None:
    body = "\n".join(["MIIfakefakefakefakefakefakefake/+12"] * 3)
    head = "-----BEGIN PRIVATE KEY-----\n"
    whole = f"{head}{body}\n-----END PRIVATE KEY-----"
    assert _part(whole, secret.pem(whole)) == whole
    torn = f"{head}{body}\nand then some prose goes on."
    assert _part(torn, secret.pem(torn)) == f"{head}{body}\n"
    escaped = torn.replace("\n", "\\n")
    assert _part(escaped, secret.pem(escaped)) == f"{head}{body}\n".replace("\n", "\\n")
    assert secret.pem("-----BEGIN PRIVATE KEY----- is how it begins") is None


def test_base58check_is_a_checksum() -> None:
    # the example of Bitcoin's wiki on the wallet import format
    good = "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"
    assert secret.base58check(good)
    assert not secret.base58check(good[:-1] + "K")
    assert not secret.base58check("")


def test_checks_are_found_by_name() -> None:
    assert resolve("") is None
    entropy = resolve("entropy:3")
    assert entropy is not None
    assert entropy("0123456789") == (0, 10)
    assert entropy("0000000000") is None
    for missing in ("nothing", "nothing:3"):
        with pytest.raises(KeyError):
            resolve(missing)
    with pytest.raises(ValueError, match="much"):
        resolve("entropy:much")


def github(random: str) -> str:
    """A token that GitHub could have made, by the description of its format."""
    number, digits = zlib.crc32(random.encode()), []
    letters = string.digits + string.ascii_uppercase + string.ascii_lowercase
    while number:
        number, digit = divmod(number, 62)
        digits.append(letters[digit])
    return f"ghp_{random}{''.join(reversed(digits)).rjust(6, '0')}"


def test_the_checksum_of_a_github_token_is_the_published_one() -> None:
    assert secret.github_checksum("ghp_zQWBuTSOoRi4A9spHc" + "VY5ncnsDkxkJ0mLq17")
    assert not secret.github_checksum("ghp_zQWBuTSOoRi4A9spHc" + "VY5ncnsDkxkJ0mLq18")


@pytest.mark.parametrize(
    ("token", "is_one"),
    [
        (github("x" * 30), True),
        (github("Fake0Nexus1Key2TestWord5QzBv4m"), True),
        ("ghp_Fake0Nexus1Key2TestWord5QzBv4mP9hDjL", True),
        ("ghp_" + "x" * 36, False),
        ("ghp_" + "0123" * 9, False),
        ("ghp_" + "Fake0Nexus1Key2TestWord5QzBv4m" * 3, True),
    ],
)
def test_a_checksum_makes_sure_and_none_leaves_it_to_how_it_reads(token: str, is_one: bool) -> None:
    assert (resolve("github-token") or str)(token) == ((0, len(token)) if is_one else None)
