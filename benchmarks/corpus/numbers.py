"""Numbers of persons and accounts with right check digits, each by its authority's published rule. All are made up."""

from __future__ import annotations

import random

from benchmarks.corpus.item import DIGITS, UPPER, Maker, of

_VERHOEFF_D = (
    *("0123456789", "1234067895", "2340178956", "3401289567", "4012395678"),
    *("5987604321", "6598710432", "7659821043", "8765932104", "9876543210"),
)
_VERHOEFF_P = (
    "0123456789",
    "1576283094",
    "5803796142",
    "8916043527",
    "9453126870",
    "4286573901",
    "2793806415",
    "7046913258",
)


def luhn(body: str) -> str:
    total = 0
    for place, char in enumerate(reversed(body)):
        digit = int(char) * (2 if place % 2 == 0 else 1)
        total += digit - 9 if digit > 9 else digit
    return body + str(-total % 10)


def card(rng: random.Random) -> str:
    prefix, length = rng.choice([("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("34", 15), ("37", 15), ("6011", 16)])
    number = luhn(prefix + of(DIGITS, length - len(prefix) - 1)(rng))
    if length == 15:
        return rng.choice([number, f"{number[:4]} {number[4:10]} {number[10:]}"])
    return rng.choice(["", " ", "-"]).join(number[at : at + 4] for at in range(0, 16, 4))


def iban(country: str, lengths: tuple[int, ...], letters: int = 0) -> Maker:
    """An account of a country: so many letters, then digits."""

    def make(rng: random.Random) -> str:
        body = of(UPPER, letters)(rng) if letters else ""
        body += of(DIGITS, lengths[0] - letters)(rng)
        numeric = "".join(str(int(char, 36)) for char in body + country + "00")
        whole = f"{country}{98 - int(numeric) % 97:02d}{body}"
        return whole if rng.random() < 0.4 else " ".join(whole[at : at + 4] for at in range(0, len(whole), 4))

    return make


def us_ssn(rng: random.Random) -> str:
    area = rng.choice([number for number in range(1, 900) if number != 666])
    return f"{area:03d}-{rng.randint(1, 99):02d}-{rng.randint(1, 9999):04d}"


def uk_nino(rng: random.Random) -> str:
    head = rng.choice(["AB", "CE", "JK", "PR", "SL", "TK", "WA", "YZ", "HX"])
    number = f"{head}{of(DIGITS, 6)(rng)}{rng.choice('ABCD')}"
    return rng.choice([number, f"{head} {number[2:4]} {number[4:6]} {number[6:8]} {number[8]}"])


def uk_nhs(rng: random.Random) -> str:
    while True:
        body = of(DIGITS, 9)(rng)
        check = 11 - sum(int(char) * (10 - place) for place, char in enumerate(body)) % 11
        if body[0] != "0" and check != 10:
            number = body + str(check % 11)
            return f"{number[:3]} {number[3:6]} {number[6:]}"


def de_tax(rng: random.Random) -> str:
    digits = rng.sample(DIGITS, 9)
    digits.append(rng.choice(digits))  # one digit twice, one not at all
    rng.shuffle(digits)
    while digits[0] == "0":
        rng.shuffle(digits)
    product = 10
    for char in digits:
        total = (int(char) + product) % 10 or 10
        product = total * 2 % 11
    check = 11 - product
    number = "".join(digits) + str(0 if check == 10 else check)
    return rng.choice([number, f"{number[:2]} {number[2:5]} {number[5:8]} {number[8:]}"])


def fr_nir(rng: random.Random) -> str:
    body = (
        f"{rng.choice('12')}{rng.randint(40, 99)}{rng.randint(1, 12):02d}{rng.randint(1, 95):02d}{of(DIGITS, 6)(rng)}"
    )
    if body[5:7] == "20":
        body = body[:5] + "75" + body[7:]
    key = 97 - int(body) % 97
    spaced = f"{body[0]} {body[1:3]} {body[3:5]} {body[5:7]} {body[7:10]} {body[10:]} {key:02d}"
    return rng.choice([f"{body}{key:02d}", spaced])


def es_dni(rng: random.Random) -> str:
    number = rng.randint(1_000_000, 99_999_999)
    letter = "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23]
    return rng.choice([f"{number:08d}{letter}", f"{number:08d}-{letter}"])


def es_nie(rng: random.Random) -> str:
    lead, number = rng.randint(0, 2), rng.randint(0, 9_999_999)
    return f"{'XYZ'[lead]}{number:07d}{'TRWAGMYFPDXBNJZSQVHLCKE'[(lead * 10_000_000 + number) % 23]}"


def it_code(rng: random.Random) -> str:
    consonants = "BCDFGLMNPRSTVZ"
    body = of(consonants, 6)(rng) + f"{rng.randint(40, 99)}{rng.choice('ABCDEHLMPRST')}{rng.randint(1, 28):02d}"
    body += rng.choice("ABCDEFGHIL") + of(DIGITS, 3)(rng)
    values = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
    total = 0
    for place, char in enumerate(body, 1):
        index = int(char) if char.isdigit() else ord(char) - ord("A")
        total += values[index] if place % 2 else index
    return body + chr(ord("A") + total % 26)


def nl_bsn(rng: random.Random) -> str:
    while True:
        body = of(DIGITS, 8)(rng)
        check = sum(int(char) * (9 - place) for place, char in enumerate(body)) % 11
        if check < 10 and body[0] != "0":
            return body + str(check)


def pl_pesel(rng: random.Random) -> str:
    body = f"{rng.randint(40, 99)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}{of(DIGITS, 4)(rng)}"
    total = sum(int(char) * weight for char, weight in zip(body, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3), strict=True))
    return body + str(-total % 10)


def se_person(rng: random.Random) -> str:
    body = f"{rng.randint(40, 99)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}{of(DIGITS, 3)(rng)}"
    number = luhn(body)
    return rng.choice([f"{number[:6]}-{number[6:]}", f"19{number[:6]}-{number[6:]}"])


def br_cpf(rng: random.Random) -> str:
    digits = [int(char) for char in of(DIGITS, 9)(rng)]
    for length in (9, 10):
        rest = sum(value * (length + 1 - place) for place, value in enumerate(digits)) * 10 % 11
        digits.append(rest % 10)
    number = "".join(map(str, digits))
    return rng.choice([number, f"{number[:3]}.{number[3:6]}.{number[6:9]}-{number[9:]}"])


def in_aadhaar(rng: random.Random) -> str:
    body = rng.choice("23456789") + of(DIGITS, 10)(rng)
    check = 0
    for place, char in enumerate(reversed(body), 1):
        check = int(_VERHOEFF_D[check][int(_VERHOEFF_P[place % 8][int(char)])])
    inverse = next(value for value in range(10) if _VERHOEFF_D[check][value] == "0")
    number = f"{body}{inverse}"
    return f"{number[:4]} {number[4:8]} {number[8:]}"


def in_pan(rng: random.Random) -> str:
    return f"{of(UPPER, 3)(rng)}P{of(UPPER, 1)(rng)}{of(DIGITS, 4)(rng)}{of(UPPER, 1)(rng)}"


def ca_sin(rng: random.Random) -> str:
    number = luhn(rng.choice("1234567") + of(DIGITS, 7)(rng))
    return rng.choice([f"{number[:3]} {number[3:6]} {number[6:]}", f"{number[:3]}-{number[3:6]}-{number[6:]}"])


def au_tfn(rng: random.Random) -> str:
    while True:
        number = of(DIGITS, 9)(rng)
        total = sum(int(c) * w for c, w in zip(number, (1, 4, 3, 7, 5, 8, 6, 9, 10), strict=True))
        if total % 11 == 0 and number[0] != "0":
            return f"{number[:3]} {number[3:6]} {number[6:]}"


def aba(rng: random.Random) -> str:
    while True:
        number = f"{rng.randint(1, 12):02d}{of(DIGITS, 7)(rng)}"
        if sum(int(c) * w for c, w in zip(number, (3, 7, 1) * 3, strict=True)) % 10 == 0:
            return number


def birth(rng: random.Random) -> str:
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1940, 2006)
    return rng.choice(
        [f"{year}-{month:02d}-{day:02d}", f"{day:02d}/{month:02d}/{year}", f"{day:02d}.{month:02d}.{year}"]
    )


def passport(rng: random.Random) -> str:
    return rng.choice(
        [of(DIGITS, 9)(rng), of(UPPER, 2)(rng) + of(DIGITS, 7)(rng), "C" + of("CFGHJKLMNPRTVWXYZ0123456789", 8)(rng)]
    )


def account_us(rng: random.Random) -> str:
    return of(DIGITS, 10, 12)(rng)


def email(rng: random.Random) -> str:
    name = rng.choice(
        ["j.okafor", "priya_s", "marta.kowalska", "t.navarro88", "owen+bills", "h-lindqvist", "info", "chen.wei"]
    )
    domain = rng.choice(
        ["gmail.com", "brightwater.co.uk", "posteo.de", "mirador.es", "uni-graz.at", "acme.io", "wp.pl"]
    )
    return f"{name}{rng.choice(['', str(rng.randint(1, 99))])}@{domain}"


def phone(pattern: str) -> Maker:
    """Digits for each `#`."""
    return lambda rng: "".join(rng.choice("2345678") if char == "#" else char for char in pattern)


NUMBERS: dict[str, dict[str, Maker]] = {
    "us": {"ssn": us_ssn, "phone": phone("(2##) 5##-####"), "routing": aba, "account": account_us},
    "uk": {"nino": uk_nino, "nhs": uk_nhs, "phone": phone("+44 7### ######"), "iban": iban("GB", (18,), 4)},
    "de": {"tax": de_tax, "phone": phone("+49 17# #######"), "iban": iban("DE", (18,))},
    "fr": {"nir": fr_nir, "phone": phone("+33 6 ## ## ## ##"), "iban": iban("FR", (23,))},
    "es": {"dni": es_dni, "nie": es_nie, "phone": phone("+34 6## ### ###"), "iban": iban("ES", (20,))},
    "it": {"code": it_code, "phone": phone("+39 3## #######"), "iban": iban("IT", (23,), 1)},
    "nl": {"bsn": nl_bsn, "phone": phone("+31 6 ########"), "iban": iban("NL", (14,), 4)},
    "pl": {"pesel": pl_pesel, "phone": phone("+48 5## ### ###"), "iban": iban("PL", (24,))},
    "se": {"person": se_person, "phone": phone("+46 70 ### ## ##"), "iban": iban("SE", (20,))},
    "br": {"cpf": br_cpf, "phone": phone("+55 11 9####-####")},
    "in": {"aadhaar": in_aadhaar, "pan": in_pan, "phone": phone("+91 98### #####")},
    "ca": {"sin": ca_sin, "phone": phone("+1 416 5## ####")},
    "au": {"tfn": au_tfn, "phone": phone("+61 4## ### ###")},
}
