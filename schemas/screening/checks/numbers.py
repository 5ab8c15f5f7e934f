"""Check digits of payment cards and bank accounts, and the general schemes behind them. No national ids here."""

from __future__ import annotations

from collections.abc import Sequence

_SEPARATORS = str.maketrans("", "", " -./")


def digits(value: str) -> str:
    """The value without the separators people write; may still hold letters."""
    return value.translate(_SEPARATORS)


def luhn(number: str) -> bool:
    """ISO/IEC 7812-1 annex B, over a string of ASCII digits."""
    total = 0
    for place, char in enumerate(reversed(number)):
        digit = ord(char) - 48
        if place % 2:
            digit = digit * 2 - 9 if digit > 4 else digit * 2
        total += digit
    return total % 10 == 0


def weighted(number: str, weights: Sequence[int]) -> int:
    """The sum of each digit times its weight; the shorter of the two ends it."""
    return sum((ord(char) - 48) * weight for char, weight in zip(number, weights, strict=False))


_VERHOEFF_PRODUCT = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_PERMUTATION = (
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def verhoeff(number: str) -> bool:
    """Verhoeff's dihedral scheme (1969), over a string of ASCII digits whose last is the check digit."""
    state = 0
    for place, char in enumerate(reversed(number)):
        step = ord(_VERHOEFF_PERMUTATION[place % 8][ord(char) - 48]) - 48
        state = ord(_VERHOEFF_PRODUCT[state][step]) - 48
    return state == 0


def _issuer_lengths(number: str) -> tuple[int, ...]:
    """The lengths that the issuer of this number uses, by the ranges of ISO/IEC 7812 as the networks publish them."""
    two, three, four = int(number[:2]), int(number[:3]), int(number[:4])
    if number[0] == "4":
        return (13, 16, 19)  # Visa
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return (16,)  # Mastercard
    if two in (34, 37):
        return (15,)  # American Express
    if four == 6011 or two == 65 or 644 <= three <= 649:
        return (16, 17, 18, 19)  # Discover
    if 3528 <= four <= 3589:
        return (16, 17, 18, 19)  # JCB
    if 300 <= three <= 305 or two in (36, 38, 39):
        return (14, 16)  # Diners Club
    if two == 62 or two == 81:
        return (16, 17, 18, 19)  # UnionPay
    if two in (50, 56, 57, 58, 63, 67):
        return (13, 16, 18, 19)  # Maestro
    return ()


def payment_card(value: str) -> bool:
    """A card number of a known issuer, of a length that issuer uses, with a Luhn digit."""
    number = digits(value)
    if not number.isdigit() or len(set(number)) == 1:
        return False
    return len(number) in _issuer_lengths(number) and luhn(number)


_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
    "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29,
    "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
    "YE": 30,
}  # fmt: skip
"""Characters by country, from the IBAN registry of SWIFT."""


def iban(value: str) -> bool:
    """ISO 13616: the country's length, and the number is 1 modulo 97 (ISO/IEC 7064 MOD 97-10)."""
    account = digits(value).upper()
    if _IBAN_LENGTHS.get(account[:2]) != len(account) or not account.isalnum() or not account.isascii():
        return False
    return int("".join(str(int(char, 36)) for char in account[4:] + account[:4])) % 97 == 1


def aba(value: str) -> bool:
    """A US routing transit number: a district of the Federal Reserve and the 3-7-1 check digit."""
    number = digits(value)
    if len(number) != 9 or not number.isdigit():
        return False
    district = int(number[:2])
    if not (1 <= district <= 12 or 21 <= district <= 32 or 61 <= district <= 72 or district == 80):
        return False
    return weighted(number, (3, 7, 1) * 3) % 10 == 0
