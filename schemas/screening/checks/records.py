"""Check digits of numbers in health, tax, banking and trade records. National registers are elsewhere."""

from __future__ import annotations

import hashlib
import re
from functools import reduce

from schemas.screening.checks.numbers import digits, luhn, weighted


def us_npi(value: str) -> bool:
    """US national provider identifier: Luhn with 80840 before it (45 CFR 162.406)."""
    return len(value) == 10 and value.isdigit() and value[0] in "12" and luhn("80840" + value)


def us_dea(value: str) -> bool:
    """US DEA registration number: odd digits and twice the even ones, modulo 10."""
    number = value[2:]
    if len(number) != 7 or not number.isdigit():
        return False
    return (weighted(number[0:6:2], (1, 1, 1)) + weighted(number[1:6:2], (2, 2, 2))) % 10 == int(number[6])


def de_kvnr(value: str) -> bool:
    """German health insurance number: the letter as two digits, weights 1 and 2, digit sums, modulo 10."""
    number = f"{ord(value[0].upper()) - 64:02d}{value[1:]}"
    if len(number) != 11 or not number.isdigit():
        return False
    total = sum(sum(map(int, str(int(char) * (place % 2 + 1)))) for place, char in enumerate(number[:10]))
    return total % 10 == int(number[10])


def uk_utr(value: str) -> bool:
    """UK unique taxpayer reference: the first digit checks the nine after it, modulo 11."""
    number = digits(value)
    if len(number) != 10 or not number.isdigit():
        return False
    return "21987654321"[weighted(number[1:], (6, 7, 8, 9, 10, 5, 4, 3, 2)) % 11] == number[0]


_BASE_36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def in_gstin(value: str) -> bool:
    """Indian GST number: Luhn modulo 36 over fourteen characters."""
    code = value.upper()
    total = 0
    for place, char in enumerate(code[:14]):
        product = _BASE_36.find(char) * (place % 2 + 1)
        total += product // 36 + product % 36
    return len(code) == 15 and _BASE_36[(36 - total % 36) % 36] == code[14]


def mx_clabe(value: str) -> bool:
    """Mexican CLABE: weights 3, 7, 1, each product modulo 10."""
    number = digits(value)
    if len(number) != 18 or not number.isdigit() or len(set(number)) == 1:
        return False
    total = sum(int(char) * weight % 10 for char, weight in zip(number[:17], (3, 7, 1) * 6, strict=False))
    return (10 - total % 10) % 10 == int(number[17])


def luhn_number(value: str) -> bool:
    """Digits with a Luhn digit at their end, not all the same."""
    number = digits(value)
    return number.isdigit() and len(set(number)) > 1 and luhn(number)


_VIN = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", "12345678123457923456789", strict=True))


def vin(value: str) -> bool:
    """Vehicle identification number with the check digit of 49 CFR 565."""
    code = value.upper()
    if len(code) != 17 or not any(map(str.isdigit, code)) or not any(map(str.isalpha, code)):
        return False
    ranks = "".join(_VIN.get(char, char) for char in code)
    if not ranks.isdigit():
        return False
    rest = weighted(ranks, (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)) % 11
    return code[8] == ("X" if rest == 10 else str(rest))


_MRZ_RANKS = {char: rank for rank, char in enumerate(_BASE_36)} | {"<": 0}


def mrz_digit(field: str) -> int:
    """The check digit of a field of a machine-readable zone: weights 7, 3, 1, modulo 10 (ICAO 9303)."""
    return sum(_MRZ_RANKS.get(char, 0) * (7, 3, 1)[place % 3] for place, char in enumerate(field)) % 10


def passport_mrz(value: str) -> bool:
    """The second line of a passport: number, birth date and expiry date hold with their check digits."""
    fields = ((0, 9), (13, 19), (21, 27))
    return all(value[end].isdigit() and mrz_digit(value[begin:end]) == int(value[end]) for begin, end in fields)


_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def bech32(value: str) -> bool:
    """A Bitcoin address as of BIP 173 or BIP 350."""
    if value != value.lower():
        return False
    prefix, _, data = value.rpartition("1")
    ranks = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    ranks += [_BECH32.find(char) for char in data]
    return min(ranks) >= 0 and reduce(_bech32_step, ranks, 1) in (1, 0x2BC830A3)


def _bech32_step(state: int, rank: int) -> int:
    top = state >> 25
    state = (state & 0x1FFFFFF) << 5 ^ rank
    for bit, generator in enumerate(_BECH32_GENERATORS):
        state ^= generator if top >> bit & 1 else 0
    return state


def base58_address(value: str) -> bool:
    """Base58 of 25 bytes whose last four check the others by a double SHA-256: a Bitcoin address of the older kind."""
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number = 0
    for char in value:
        number = number * 58 + max(alphabet.find(char), 0)
    if number.bit_length() > 200:
        return False
    raw = number.to_bytes(25, "big")
    return hashlib.sha256(hashlib.sha256(raw[:21]).digest()).digest()[:4] == raw[21:]


_EIN_PREFIXES_UNUSED = frozenset((0, 7, 8, 9, 17, 18, 19, 28, 29, 49, 69, 70, 78, 79, 89, 96, 97))


def us_ein(value: str) -> bool:
    """US employer identification number: a prefix that a campus of the IRS assigns."""
    return int(value[:2]) not in _EIN_PREFIXES_UNUSED and len(set(digits(value))) > 1


def identity_card_de(value: str) -> bool:
    """German identity card or passport: a check digit over nine characters (ICAO 9303), or both kinds of characters."""
    code = value.upper()
    if not any(map(str.isdigit, code)):
        return False
    return len(code) == 9 or (code[9].isdigit() and mrz_digit(code[:9]) == int(code[9]))


def indonesian_nik(value: str) -> bool:
    """Indonesian NIK: a date of birth (40 added to the day of women) and a serial other than zero."""
    day = int(value[6:8]) % 40
    return len(value) == 16 and 1 <= day <= 31 and 1 <= int(value[8:10]) <= 12 and value[12:] != "0000"


def luhn_ten(value: str) -> bool:
    """Ten digits with a Luhn digit, and perhaps two letters of a version after them."""
    number = digits(value)[:10]
    return len(number) == 10 and luhn_number(number)


def dated(value: str) -> tuple[int, int] | None:
    """The date at the end of a label and a date; a month may have its name."""
    found = _DATE.search(value)
    return found.span() if found else None


_MONTH = (
    r"(?:jan|feb|f(?:é|e)v|m(?:a|ä)r|mrt|apr|abr|avr|ma[igy]|mei|giu|jui?n|jui?l|lug|aug|ago|ao(?:û|u)|sep|set|o[ck]t|ott|out|nov"
    r"|de[czs]|dic|d(?:é|e)c)[a-zéûä]{0,7}"
)
_DATE = re.compile(
    rf"(?:\d{{1,2}}[./-]\d{{1,2}}[./-]\d{{2,4}}|\d{{4}}-\d\d-\d\d|\d{{1,2}}(?:st|nd|rd|th|\.)? {_MONTH}\.? \d{{4}}"
    rf"|{_MONTH} \d{{1,2}}, \d{{4}})$",
    re.IGNORECASE,
)
