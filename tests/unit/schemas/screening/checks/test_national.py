"""National numbers against examples that the authorities or their documentation publish."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from schemas.screening.checks import national


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (
            national.us_ssn,
            ["536-22-8412", "457 55 5462", "001010001"],
            ["000-12-3456", "666-12-3456", "900-12-3456", "536-00-8412", "536-22-0000", "078-05-1120", "12-34"],
        ),
        (national.us_itin, ["912-70-1234", "999881111"], ["912-66-1234", "912-93-1234", "812-70-1234"]),
        (national.uk_nino, ["AB 12 34 56 C", "JG103759A"], ["GB123456A", "tn 12 34 56 a", "ZZ123456A"]),
        (national.uk_nhs, ["943 476 5919", "4010232137"], ["943 476 5918", "1111111111", "123"]),
        (
            national.es_dni,
            ["12345678Z", "12345678-z", "X1234567L", "Y1234567X", "Z1234567R"],
            ["12345678A", "X1234567A", "W1234567L", "1234567Z"],
        ),
        (national.br_cpf, ["529.982.247-25", "11144477735"], ["529.982.247-26", "11111111111", "1"]),
        (national.br_cnpj, ["11.222.333/0001-81", "00000000000191"], ["11.222.333/0001-82", "11111111111111", "1"]),
        (
            national.fr_nir,
            ["2 69 05 49 588 157 80", "185057800608491", "1 85 05 2A 006 084 35"],
            ["269054958815781", "1"],
        ),
        (
            national.it_codice_fiscale,
            ["RSSMRA85T10A562S", "mrtmtt91d08f205j"],
            ["RSSMRA85T10A562T", "RSSMRA85T10A5621", "R"],
        ),
        (national.de_steuer_id, ["86095742719", "47 036 892 816"], ["86095742710", "06095742719", "12345678901", "1"]),
        (national.nl_bsn, ["111222333", "123456782"], ["111222334", "000000000", "1"]),
        (national.pl_pesel, ["44051401359", "02070803628"], ["44051401358", "44131401359", "00000000000", "1"]),
        (
            national.se_personnummer,
            ["811228-9874", "19811228-9874", "670919+9530"],
            ["811228-9873", "811328-9874", "1"],
        ),
        (national.in_aadhaar, ["9999 4105 7058", "2345 6789 0124"], ["9999 4105 7059", "1345 6789 0124", "1"]),
        (national.ca_sin, ["130 692 544"], ["130 692 545", "046 454 286", "1"]),
        (national.au_tfn, ["123 456 782", "876543210"], ["123 456 783", "111111111", "1"]),
    ],
)
def test_known_numbers_hold_and_near_ones_do_not(check: Callable[[str], bool], good: list[str], bad: list[str]) -> None:
    assert [value for value in good if not check(value)] == []
    assert [value for value in bad if check(value)] == []
