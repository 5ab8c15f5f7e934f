"""Check digits against numbers that the issuers publish for tests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.screening.checks import numbers

CARDS = [
    "4111111111111111",
    "4012888888881881",
    "4222222222222",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "6011111111111117",
    "30569309025904",
    "3530111333300000",
    "6200000000000005",
    "4111 1111 1111 1111",
    "3782-822463-10005",
]
IBANS = [
    "GB29NWBK60161331926819",
    "DE89370400440532013000",
    "FR1420041010050500013M02606",
    "ES9121000418450200051332",
    "NL91ABNA0417164300",
    "NO9386011117947",
    "MT84MALT011000012345MTLCAST001S",
    "CH93 0076 2011 6238 5295 7",
    "gb29 nwbk 6016 1331 9268 19",
]


@pytest.mark.parametrize("card", CARDS)
def test_test_cards_of_the_networks_hold(card: str) -> None:
    assert numbers.payment_card(card)


@given(st.sampled_from(CARDS), st.integers(0, 12), st.integers(1, 9))
def test_no_single_wrong_digit_of_a_card_passes(card: str, place: int, change: int) -> None:
    digits = numbers.digits(card)
    wrong = digits[:place] + str((int(digits[place]) + change) % 10) + digits[place + 1 :]
    assert not numbers.payment_card(wrong)


@pytest.mark.parametrize(
    "value", ["0000000000000000", "1234567890123456", "411111111111111", "9999999999999995", "4111x1111111111"]
)
def test_other_numbers_are_no_cards(value: str) -> None:
    assert not numbers.payment_card(value)


@pytest.mark.parametrize("account", IBANS)
def test_ibans_of_the_registry_hold(account: str) -> None:
    assert numbers.iban(account)


@given(st.sampled_from(IBANS), st.integers(2, 14), st.integers(1, 9))
def test_no_single_wrong_digit_of_an_iban_passes(account: str, place: int, change: int) -> None:
    plain = numbers.digits(account).upper()
    if plain[place].isdigit():
        wrong = plain[:place] + str((int(plain[place]) + change) % 10) + plain[place + 1 :]
        assert not numbers.iban(wrong)


@pytest.mark.parametrize(
    "value", ["GB29NWBK6016133192681", "ZZ29NWBK60161331926819", "", "GB", "DE8937040044053201300é"]
)
def test_other_strings_are_no_ibans(value: str) -> None:
    assert not numbers.iban(value)


@pytest.mark.parametrize(
    ("number", "holds"),
    [("021000021", True), ("011401533", True), ("021000022", False), ("991000021", False), ("12", False)],
)
def test_routing_numbers(number: str, holds: bool) -> None:
    assert numbers.aba(number) is holds


def test_verhoeff_holds_for_the_published_example_and_catches_a_transposition() -> None:
    assert numbers.verhoeff("2363")
    assert not numbers.verhoeff("2633")
    assert not numbers.verhoeff("2364")


@given(st.text(alphabet="0123456789", min_size=2, max_size=19))
def test_exactly_one_check_digit_completes_a_number(body: str) -> None:
    assert sum(numbers.luhn(body + digit) for digit in "0123456789") == 1
    assert sum(numbers.verhoeff(body + digit) for digit in "0123456789") == 1
