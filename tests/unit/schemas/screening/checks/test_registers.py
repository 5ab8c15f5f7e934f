"""Numbers of national registers and records: published ones hold, ones with a digit changed do not."""

from __future__ import annotations

import pytest

from schemas.screening.checks import records, registers, resolve

PUBLISHED = {
    "au-abn": ("51 824 753 556", "51 824 753 557"),
    "au-medicare": ("2123 45670 1", "2123 45671 1"),
    "fi-hetu": ("131052-308T", "131052-308U"),
    "jp-my-number": ("123456789018", "123456789019"),
    "cl-rut": ("12.345.678-5", "12.345.678-K"),
    "mx-curp": ("HEGG560427MVZRRL04", "HEGG560427MVZRRL05"),
    "ar-cuit": ("20-12345678-6", "20-12345678-7"),
    "be-national": ("85.07.30-033.28", "85.07.30-033.29"),
    "pt-nif": ("123456789", "123456780"),
    "ean13": ("756.9217.0769.85", "756.9217.0769.86"),
    "ie-pps": ("1234567T", "1234567A"),
    "bg-egn": ("7523169263", "7523169264"),
    "tr-tckn": ("10000000146", "10000000147"),
    "il-identity": ("123456782", "123456783"),
    "za-identity": ("8001015009087", "8001015009088"),
    "cn-resident": ("11010519491231002X", "110105194912310021"),
    "tw-identity": ("A123456789", "A123456788"),
    "hk-identity": ("A123456(3)", "A123456(4)"),
    "sg-nric": ("S1234567D", "S1234567A"),
    "th-identity": ("1101700230708", "1101700230709"),
    "ru-inn": ("7707083893", "7707083894"),
    "ru-snils": ("112-233-445 95", "112-233-445 96"),
    "mod-11-10": ("33392005961", "33392005962"),
    "baltic-code": ("37605030299", "37605030298"),
    "es-cif": ("A58818501", "A58818502"),
    "us-npi": ("1234567893", "1234567890"),
    "us-dea": ("AB1234563", "AB1234564"),
    "us-ein": ("12-3456789", "07-3456789"),
    "de-kvnr": ("A123456780", "A123456781"),
    "uk-utr": ("1955839661", "1955839662"),
    "in-gstin": ("27AAPFU0939F1ZV", "27AAPFU0939F1ZW"),
    "mx-clabe": ("032180000118359719", "032180000118359710"),
    "luhn-number": ("490154203237518", "490154203237519"),
    "vin": ("1HGCM82633A004352", "1HGCM82633A004353"),
    "bech32": ("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdz"),
    "base58-address": ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3"),
    "passport-mrz": ("L898902C36UTO7408122F1204159ZE184226B<<<<<10", "L898902C37UTO7408122F1204159ZE184226B<<<<<10"),
}
"""By check: a number that its authority or its documentation prints, and one that is wrong by one character."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_numbers_hold_and_near_ones_do_not(name: str) -> None:
    check = resolve(name)
    assert check is not None
    good, bad = PUBLISHED[name]
    assert check(good) == (0, len(good))
    assert check(bad) is None


@pytest.mark.parametrize(
    "name",
    [
        "kr-rrn", "no-fodselsnummer", "at-svnr", "cz-rodne-cislo", "ro-cnp", "gr-amka", "hu-taj", "my-identity",
        "dk-cpr", "ru-inn", "il-identity", "th-identity",
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", ["", "1", "0000000000000", "99999999999"])
def test_what_is_no_number_of_the_register_is_refused(name: str, value: str) -> None:
    check = resolve(name)
    assert check is not None
    assert check(value) is None


def test_one_digit_of_ten_holds() -> None:
    def holding(check: str, template: str) -> int:
        found = resolve(check)
        assert found is not None
        return sum(found(template.replace("?", str(digit))) is not None for digit in range(10))

    assert holding("kr-rrn", "900101-123456?") == 1
    assert holding("ro-cnp", "180010122114?") == 1
    assert holding("gr-amka", "0101801234?") == 1
    assert holding("hu-taj", "12345678?") == 1


def test_dates_are_looked_at() -> None:
    assert registers.dk_cpr("010190-1234")
    assert not registers.dk_cpr("410190-1234")
    assert not registers.my_identity("901301-14-5678")
    assert records.indonesian_nik("3174010101900001")
    assert not records.indonesian_nik("3174019913900001")
    assert records.dated("born on 1990-01-15") == (8, 18)
    assert records.dated("born on May") is None
