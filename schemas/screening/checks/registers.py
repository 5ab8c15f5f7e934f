"""Check digits of national registers beyond those in `national`, of all continents. No patterns here."""

from __future__ import annotations

from schemas.screening.checks.numbers import digits, luhn, weighted


def _numeric(value: str, *lengths: int) -> str:
    """The digits of a number of one of these lengths; empty for anything else, and for one digit repeated."""
    number = digits(value)
    fits = len(number) in lengths and number.isascii() and number.isdigit() and len(set(number)) > 1
    return number if fits else ""


def _date(year: str, month: str, day: str) -> bool:
    return year.isdigit() and 1 <= int(month) <= 12 and 1 <= int(day) <= 31


def au_abn(value: str) -> bool:
    """Australian business number: weights 10, 1, 3 … 19 after taking one from the first digit, modulo 89."""
    number = _numeric(value, 11)
    return bool(number) and (weighted(number, (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)) - 10) % 89 == 0


def au_medicare(value: str) -> bool:
    """Australian Medicare card: first digit 2 to 6, weights 1, 3, 7, 9, modulo 10."""
    number = _numeric(value, 10, 11)
    return bool(number) and number[0] in "23456" and weighted(number[:8], (1, 3, 7, 9) * 2) % 10 == int(number[8])


def fi_hetu(value: str) -> bool:
    """Finnish personal identity code: a date, and the control character of the nine digits modulo 31."""
    body = value[:6] + value[7:10]
    if not body.isdigit() or not _date(body[4:6], body[2:4], body[:2]):
        return False
    return "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(body) % 31] == value[10].upper()


def jp_my_number(value: str) -> bool:
    """Japanese individual number: weights 2 to 7 and 2 to 6 from the right, modulo 11."""
    number = _numeric(value, 12)
    if not number:
        return False
    rest = sum(int(char) * (step % 6 + 2) for step, char in enumerate(reversed(number[:11]))) % 11
    return (0 if rest <= 1 else 11 - rest) == int(number[11])


def kr_rrn(value: str) -> bool:
    """Korean resident registration number: a date, a century digit and the check digit used until 2020."""
    number = _numeric(value, 13)
    if not number or not _date(number[:2], number[2:4], number[4:6]):
        return False
    return (11 - weighted(number[:12], (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10 == int(number[12])


def cl_rut(value: str) -> bool:
    """Chilean RUT: weights 2 to 7 from the right, modulo 11, with K for ten."""
    number = digits(value).upper()
    if not number[:-1].isdigit() or not 7 <= len(number[:-1]) <= 8:
        return False
    rest = 11 - sum(int(char) * (step % 6 + 2) for step, char in enumerate(reversed(number[:-1]))) % 11
    return {10: "K", 11: "0"}.get(rest, str(rest)) == number[-1]


_CURP = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"


def mx_curp(value: str) -> bool:
    """Mexican CURP: a date and a check digit over seventeen characters, modulo 10."""
    code = value.upper()
    if len(code) != 18 or not _date(code[4:6], code[6:8], code[8:10]) or not code[17].isdigit():
        return False
    total = sum(_CURP.index(char) * (18 - place) for place, char in enumerate(code[:17]))
    return (10 - total % 10) % 10 == int(code[17])


def ar_cuit(value: str) -> bool:
    """Argentine CUIT or CUIL: weights 5 to 2 and 7 to 2, modulo 11."""
    number = _numeric(value, 11)
    if not number:
        return False
    return (11 - weighted(number[:10], (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11) % 11 == int(number[10])


def be_national(value: str) -> bool:
    """Belgian national number: 97 less the rest modulo 97, with a 2 before it for those born from 2000 on."""
    number = _numeric(value, 11)
    if not number or not 0 <= int(number[2:4]) <= 52 or int(number[4:6]) > 31:
        return False
    return int(number[9:]) in (97 - int(number[:9]) % 97, 97 - int("2" + number[:9]) % 97)


def pt_nif(value: str) -> bool:
    """Portuguese tax number: weights 9 to 2, modulo 11."""
    number = _numeric(value, 9)
    if not number or number[0] == "0":
        return False
    rest = weighted(number[:8], range(9, 1, -1)) % 11
    return (0 if rest < 2 else 11 - rest) == int(number[8])


def ean13(value: str) -> bool:
    """Thirteen digits with the check digit of EAN-13, as the Swiss AHV number has it."""
    number = _numeric(value, 13)
    return bool(number) and weighted(number, (1, 3) * 6 + (1,)) % 10 == 0


def dk_cpr(value: str) -> bool:
    """Danish CPR number: a date; its check digit is no longer kept to."""
    number = _numeric(value, 10)
    return bool(number) and _date(number[4:6], number[2:4], number[:2])


def no_fodselsnummer(value: str) -> bool:
    """Norwegian birth number: two check digits, modulo 11."""
    number = _numeric(value, 11)
    if not number:
        return False
    first = weighted(number[:10], (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)) % 11
    return first == 0 and weighted(number, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


def at_svnr(value: str) -> bool:
    """Austrian social insurance number: the fourth digit checks the others, modulo 11."""
    number = _numeric(value, 10)
    if not number or number[0] == "0" or not 1 <= int(number[4:6]) <= 31 or not 1 <= int(number[6:8]) <= 15:
        return False
    return weighted(number, (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)) % 11 == int(number[3])


def ie_pps(value: str) -> bool:
    """Irish PPS number: weights 8 to 2, the second letter counting nine times, modulo 23."""
    code = value.upper().replace(" ", "")
    if not code[:7].isdigit() or not 8 <= len(code) <= 9:
        return False
    second = "WABCDEFGHI".find(code[8]) if len(code) == 9 else 0
    rest = (weighted(code[:7], range(8, 1, -1)) + 9 * max(second, 0)) % 23
    return second >= 0 and "WABCDEFGHIJKLMNOPQRSTUV"[rest] == code[7]


def cz_rodne_cislo(value: str) -> bool:
    """Czech or Slovak birth number: a month to which 20, 50 or 70 may be added, divisible by 11."""
    number = _numeric(value, 10)
    if not number or int(number[2:4]) % 50 % 20 not in range(1, 13) or not 1 <= int(number[4:6]) <= 31:
        return False
    return int(number) % 11 == 0 or (int(number[:9]) % 11 == 10 and number[9] == "0")


def ro_cnp(value: str) -> bool:
    """Romanian CNP: a date and the key 279146358279, modulo 11."""
    number = _numeric(value, 13)
    if not number or number[0] == "0" or not _date(number[1:3], number[3:5], number[5:7]):
        return False
    rest = weighted(number[:12], (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return (1 if rest == 10 else rest) == int(number[12])


def bg_egn(value: str) -> bool:
    """Bulgarian EGN: a month to which 20 or 40 may be added, modulo 11."""
    number = _numeric(value, 10)
    if not number or int(number[2:4]) % 20 not in range(1, 13) or not 1 <= int(number[4:6]) <= 31:
        return False
    return weighted(number[:9], (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10 == int(number[9])


def gr_amka(value: str) -> bool:
    """Greek AMKA: a date and a Luhn digit."""
    number = _numeric(value, 11)
    return bool(number) and _date(number[4:6], number[2:4], number[:2]) and luhn(number)


def tr_tckn(value: str) -> bool:
    """Turkish identity number: two check digits, modulo 10."""
    number = _numeric(value, 11)
    if not number or number[0] == "0":
        return False
    ranks = [int(char) for char in number]
    tenth = (sum(ranks[0:9:2]) * 7 - sum(ranks[1:8:2])) % 10
    return tenth == ranks[9] and sum(ranks[:10]) % 10 == ranks[10]


def il_identity(value: str) -> bool:
    """Israeli identity number: Luhn over nine digits."""
    number = _numeric(value, 9)
    return bool(number) and luhn(number)


def za_identity(value: str) -> bool:
    """South African identity number: a date and a Luhn digit."""
    number = _numeric(value, 13)
    return bool(number) and _date(number[:2], number[2:4], number[4:6]) and number[10] in "012" and luhn(number)


def cn_resident(value: str) -> bool:
    """Chinese resident identity number: a date and ISO/IEC 7064 MOD 11-2 (GB 11643)."""
    code = value.upper()
    if len(code) != 18 or not code[:17].isdigit() or not _date(code[6:10], code[10:12], code[12:14]):
        return False
    if not 1900 <= int(code[6:10]) <= 2050:
        return False
    rest = weighted(code[:17], (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)) % 11
    return "10X98765432"[rest] == code[17]


def tw_identity(value: str) -> bool:
    """Taiwanese identity number: the letter counts as two digits, weights 1, 9, 8 … 1, modulo 10."""
    code = value.upper()
    letter = "ABCDEFGHJKLMNPQRSTUVXYWZIO".find(code[0]) + 10
    if letter < 10 or not code[1:].isdigit() or len(code) != 10:
        return False
    return weighted(f"{letter}{code[1:]}", (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)) % 10 == 0


def hk_identity(value: str) -> bool:
    """Hong Kong identity number: one or two letters, six digits and a check digit, modulo 11."""
    code = "".join(char for char in value.upper() if char.isalnum())
    letters = code[:-7]
    if len(letters) not in (1, 2) or not letters.isalpha() or not code[-7:-1].isdigit():
        return False
    ranks = [36] * (2 - len(letters)) + [int(char, 36) for char in letters] + [int(char) for char in code[-7:-1]]
    total = sum(rank * weight for rank, weight in zip(ranks, range(9, 1, -1), strict=True))
    check = 10 if code[-1] == "A" else int(code[-1], 36)
    return (total + check) % 11 == 0


def sg_nric(value: str) -> bool:
    """Singapore NRIC or FIN: weights 2, 7, 6 … 2, and a letter from the table of its series."""
    code = value.upper()
    if len(code) != 9 or not code[1:8].isdigit():
        return False
    total = weighted(code[1:8], (2, 7, 6, 5, 4, 3, 2)) + {"T": 4, "G": 4, "M": 3}.get(code[0], 0)
    table = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "F": "XWUTRQPNMLK", "G": "XWUTRQPNMLK", "M": "XWUTRQPNJLK"}
    if code[0] == "M":
        return table["M"][10 - total % 11] == code[8]
    return table[code[0]][total % 11] == code[8] if code[0] in table else False


def th_identity(value: str) -> bool:
    """Thai identity number: weights 13 to 2, modulo 11."""
    number = _numeric(value, 13)
    if not number or number[0] == "0":
        return False
    return (11 - weighted(number[:12], range(13, 1, -1)) % 11) % 10 == int(number[12])


def my_identity(value: str) -> bool:
    """Malaysian identity number: a date and a place of birth; it has no check digit."""
    number = _numeric(value, 12)
    return bool(number) and _date(number[:2], number[2:4], number[4:6]) and number[6:8] not in ("00", "17", "18", "19")


def ru_inn(value: str) -> bool:
    """Russian taxpayer number of ten digits (companies) or twelve (persons), modulo 11 and 10."""
    number = _numeric(value, 10, 12)
    if not number:
        return False
    keys = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
    places = (9,) if len(number) == 10 else (10, 11)
    return all(weighted(number[:place], keys[11 - place :]) % 11 % 10 == int(number[place]) for place in places)


def ru_snils(value: str) -> bool:
    """Russian insurance number: weights 9 to 1, modulo 101."""
    number = _numeric(value, 11)
    return bool(number) and weighted(number[:9], range(9, 0, -1)) % 101 % 100 == int(number[9:])


def mod_11_10(value: str) -> bool:
    """Eleven digits under ISO/IEC 7064 MOD 11,10, as the Croatian OIB has them."""
    number = _numeric(value, 11)
    product = 10
    for char in number[:10]:
        total = (int(char) + product) % 10 or 10
        product = total * 2 % 11
    return bool(number) and (11 - product) % 10 == int(number[10])


def baltic_code(value: str) -> bool:
    """Estonian or Lithuanian personal code: a date and two series of weights, modulo 11."""
    number = _numeric(value, 11)
    if not number or number[0] == "0" or not _date(number[1:3], number[3:5], number[5:7]):
        return False
    rest = weighted(number[:10], (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)) % 11
    if rest == 10:
        rest = weighted(number[:10], (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) % 11 % 10
    return rest == int(number[10])


def hu_taj(value: str) -> bool:
    """Hungarian social insurance number: weights 3 and 7, modulo 10."""
    number = _numeric(value, 9)
    return bool(number) and weighted(number[:8], (3, 7) * 4) % 10 == int(number[8])


def es_cif(value: str) -> bool:
    """Spanish CIF: a Luhn-like control, written as a digit or as a letter."""
    code = digits(value).upper()
    if len(code) != 9 or not code[1:8].isdigit():
        return False
    doubled = sum(int(char) * 2 // 10 + int(char) * 2 % 10 for char in code[1:8:2])
    control = (10 - (doubled + sum(int(char) for char in code[2:8:2])) % 10) % 10
    return code[8] in (str(control), "JABCDEFGHI"[control])
