"""Check digits and forbidden ranges of national numbers for persons and companies. No patterns here."""

from __future__ import annotations

from schemas.screening.checks.numbers import digits, luhn, verhoeff, weighted

_NEVER_ISSUED_SSN = frozenset({"078051120", "219099999", "123456789", "111111111", "333333333"})
"""Printed in wallets and advertisements, or what people type to fill a form."""


def us_ssn(value: str) -> bool:
    """Social Security number: the areas, groups and serials that 20 CFR 422.103 never assigns are left out."""
    number = digits(value)
    if len(number) != 9 or not number.isdigit() or number in _NEVER_ISSUED_SSN:
        return False
    area, group, serial = number[:3], number[3:5], number[5:]
    return area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000"


def us_itin(value: str) -> bool:
    """Individual taxpayer number: area 9xx, and a group the IRS assigns (publication 1915)."""
    number = digits(value)
    if len(number) != 9 or not number.isdigit() or number[0] != "9":
        return False
    group = int(number[3:5])
    return 50 <= group <= 65 or 70 <= group <= 88 or 90 <= group <= 92 or 94 <= group <= 99


def uk_nino(value: str) -> bool:
    """National insurance number: prefixes that HMRC (NIM39110) does not allocate are left out."""
    return digits(value)[:2].upper() not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def uk_nhs(value: str) -> bool:
    """NHS number: modulus 11 over ten digits."""
    number = digits(value)
    if len(number) != 10 or not number.isdigit() or len(set(number)) == 1:
        return False
    check = 11 - weighted(number, range(10, 1, -1)) % 11
    return check != 10 and check % 11 == int(number[9])


def es_dni(value: str) -> bool:
    """Spanish DNI or NIE: the letter is the number modulo 23 in a fixed table (BOE, Real Decreto 1553/2005)."""
    number = digits(value).upper()
    body = {"X": "0", "Y": "1", "Z": "2"}.get(number[:1], number[:1]) + number[1:-1]
    return len(body) == 8 and body.isdigit() and "TRWAGMYFPDXBNJZSQVHLCKE"[int(body) % 23] == number[-1]


def _modulo_eleven(number: str, weights: range) -> int:
    rest = weighted(number, weights) % 11
    return 0 if rest < 2 else 11 - rest


def br_cpf(value: str) -> bool:
    """Brazilian CPF: two check digits, modulus 11."""
    number = digits(value)
    if len(number) != 11 or not number.isdigit() or len(set(number)) == 1:
        return False
    first = _modulo_eleven(number[:9], range(10, 1, -1))
    second = _modulo_eleven(number[:10], range(11, 1, -1))
    return number[9:] == f"{first}{second}"


def br_cnpj(value: str) -> bool:
    """Brazilian CNPJ: two check digits, modulus 11 with weights 2 to 9 from the right."""
    number = digits(value)
    if len(number) != 14 or not number.isdigit() or len(set(number)) == 1:
        return False
    for place in (12, 13):
        rest = sum(int(char) * (2 + step % 8) for step, char in enumerate(reversed(number[:place]))) % 11
        if int(number[place]) != (0 if rest < 2 else 11 - rest):
            return False
    return True


def fr_nir(value: str) -> bool:
    """French NIR: 97 minus the number modulo 97; Corsica's 2A and 2B count as 19 and 18."""
    number = digits(value).upper().replace("2A", "19", 1).replace("2B", "18", 1)
    return len(number) == 15 and number.isdigit() and 97 - int(number[:13]) % 97 == int(number[13:])


_FISCAL_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


def it_codice_fiscale(value: str) -> bool:
    """Italian fiscal code: the last letter checks the fifteen before it (DM 23/12/1976)."""
    code = value.upper()
    if len(code) != 16 or not code.isascii() or not code.isalnum() or not code[15].isalpha():
        return False
    total = 0
    for place, char in enumerate(code[:15]):
        rank = int(char) if char.isdigit() else ord(char) - 65
        total += _FISCAL_ODD[rank] if place % 2 == 0 else rank
    return total % 26 == ord(code[15]) - 65


def de_steuer_id(value: str) -> bool:
    """German tax id: ISO/IEC 7064 MOD 11,10; one digit of the first ten comes two or three times."""
    number = digits(value)
    if len(number) != 11 or not number.isdigit() or number[0] == "0":
        return False
    most = max(number[:10].count(char) for char in number[:10])
    if not 2 <= most <= 3:
        return False
    product = 10
    for char in number[:10]:
        total = (int(char) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(number[10])


def nl_bsn(value: str) -> bool:
    """Dutch citizen service number: the eleven test."""
    number = digits(value)
    if len(number) != 9 or not number.isdigit() or len(set(number)) == 1:
        return False
    return weighted(number, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def pl_pesel(value: str) -> bool:
    """Polish PESEL: a real month (the century is added to it) and the 1-3-7-9 check digit."""
    if len(value) != 11 or not value.isdigit() or len(set(value)) == 1:
        return False
    if not 1 <= int(value[2:4]) % 20 <= 12 or not 1 <= int(value[4:6]) <= 31:
        return False
    return weighted(value, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def se_personnummer(value: str) -> bool:
    """Swedish personal number: a date and a Luhn digit over the last ten."""
    number = value.replace("-", "").replace("+", "")[-10:]
    if len(number) != 10 or not number.isdigit() or not luhn(number):
        return False
    day = int(number[4:6])
    return 1 <= int(number[2:4]) <= 12 and (1 <= day <= 31 or 61 <= day <= 91)


def in_aadhaar(value: str) -> bool:
    """Indian Aadhaar: twelve digits, the first 2 to 9, Verhoeff."""
    number = digits(value)
    return len(number) == 12 and number.isdigit() and number[0] not in "01" and verhoeff(number)


def ca_sin(value: str) -> bool:
    """Canadian social insurance number: Luhn; 0 and 8 never begin one."""
    number = digits(value)
    return len(number) == 9 and number.isdigit() and number[0] not in "08" and luhn(number)


def au_tfn(value: str) -> bool:
    """Australian tax file number: nine digits, weighted, modulo 11."""
    number = digits(value)
    if len(number) != 9 or not number.isdigit() or len(set(number)) == 1:
        return False
    return weighted(number, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0
