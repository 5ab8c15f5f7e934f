"""What is verified in Python once a pattern has hit: check digits, entropy, shape. Pure, linear in a bounded value.

A check takes the candidate and answers the part of it that is the hit, as `(start, end)` within the candidate, or
None when it is no hit after all.
"""

from __future__ import annotations

from collections.abc import Callable

from schemas.screening.checks import contact, national, numbers, passwords, records, registers, secret

Span = tuple[int, int]
Check = Callable[[str], Span | None]


def _when(holds: Callable[[str], bool]) -> Check:
    """The whole candidate, when the predicate holds."""

    def check(value: str) -> Span | None:
        return (0, len(value)) if holds(value) else None

    return check


def _entropy(least: float) -> Check:
    return _when(lambda value: secret.entropy(value) >= least)


_CHECKS: dict[str, Check] = {
    "au-tfn": _when(national.au_tfn),
    "aba": _when(numbers.aba),
    "base58check": _when(secret.base58check),
    "br-cnpj": _when(national.br_cnpj),
    "br-cpf": _when(national.br_cpf),
    "ca-sin": _when(national.ca_sin),
    "command-password": secret.command_password,
    "credentials": secret.credentials,
    "de-steuer-id": _when(national.de_steuer_id),
    "email": contact.email,
    "env-value": secret.environment,
    "es-dni": _when(national.es_dni),
    "fr-nir": _when(national.fr_nir),
    "github-token": _when(secret.github_token),
    "iban": _when(numbers.iban),
    "in-aadhaar": _when(national.in_aadhaar),
    "it-codice-fiscale": _when(national.it_codice_fiscale),
    "jwt": secret.jwt,
    "mixed": _when(secret.mixed),
    "mnemonic": secret.mnemonic,
    "nanp": _when(contact.nanp),
    "nl-bsn": _when(national.nl_bsn),
    "no-placeholder": _when(lambda value: not secret.placeholder(value)),
    "payment-card": _when(numbers.payment_card),
    "pem": secret.pem,
    "phone": _when(contact.phone),
    "pl-pesel": _when(national.pl_pesel),
    "private-jwk": _when(secret.private_jwk),
    "se-personnummer": _when(national.se_personnummer),
    "secret-value": secret.assigned,
    "spoken-password": secret.spoken,
    "told-phone": contact.told_phone,
    "three-parts": _when(secret.three_parts),
    "uk-nhs": _when(national.uk_nhs),
    "uk-nino": _when(national.uk_nino),
    "url-password": secret.url_password,
    "us-itin": _when(national.us_itin),
    "us-ssn": _when(national.us_ssn),
    "xml-secret": secret.element,
}

_CHECKS |= {
    "argument-secret": passwords.argument,
    "password-column": passwords.column,
    "quoted-secret": passwords.quoted,
    "told-key": passwords.announced_key,
    "told-password": passwords.announced,
    "au-abn": _when(registers.au_abn),
    "au-medicare": _when(registers.au_medicare),
    "fi-hetu": _when(registers.fi_hetu),
    "jp-my-number": _when(registers.jp_my_number),
    "kr-rrn": _when(registers.kr_rrn),
    "cl-rut": _when(registers.cl_rut),
    "mx-curp": _when(registers.mx_curp),
    "ar-cuit": _when(registers.ar_cuit),
    "be-national": _when(registers.be_national),
    "pt-nif": _when(registers.pt_nif),
    "ean13": _when(registers.ean13),
    "dk-cpr": _when(registers.dk_cpr),
    "no-fodselsnummer": _when(registers.no_fodselsnummer),
    "at-svnr": _when(registers.at_svnr),
    "ie-pps": _when(registers.ie_pps),
    "cz-rodne-cislo": _when(registers.cz_rodne_cislo),
    "ro-cnp": _when(registers.ro_cnp),
    "bg-egn": _when(registers.bg_egn),
    "gr-amka": _when(registers.gr_amka),
    "tr-tckn": _when(registers.tr_tckn),
    "il-identity": _when(registers.il_identity),
    "za-identity": _when(registers.za_identity),
    "cn-resident": _when(registers.cn_resident),
    "tw-identity": _when(registers.tw_identity),
    "hk-identity": _when(registers.hk_identity),
    "sg-nric": _when(registers.sg_nric),
    "th-identity": _when(registers.th_identity),
    "my-identity": _when(registers.my_identity),
    "ru-inn": _when(registers.ru_inn),
    "ru-snils": _when(registers.ru_snils),
    "mod-11-10": _when(registers.mod_11_10),
    "baltic-code": _when(registers.baltic_code),
    "hu-taj": _when(registers.hu_taj),
    "es-cif": _when(registers.es_cif),
    "us-npi": _when(records.us_npi),
    "us-dea": _when(records.us_dea),
    "de-kvnr": _when(records.de_kvnr),
    "uk-utr": _when(records.uk_utr),
    "in-gstin": _when(records.in_gstin),
    "mx-clabe": _when(records.mx_clabe),
    "luhn-number": _when(records.luhn_number),
    "us-ein": _when(records.us_ein),
    "id-card-de": _when(records.identity_card_de),
    "nik": _when(records.indonesian_nik),
    "luhn-ten": _when(records.luhn_ten),
    "dated": records.dated,
    "vin": _when(records.vin),
    "passport-mrz": _when(records.passport_mrz),
    "bech32": _when(records.bech32),
    "base58-address": _when(records.base58_address),
}


def _after_label(value: str) -> Span | None:
    """The digits after a label, when they are a Japanese individual number."""
    start = next((place for place, char in enumerate(value) if char.isascii() and char.isdigit()), 0)
    return (start, len(value)) if registers.jp_my_number(value[start:]) else None


_CHECKS["my-number-labelled"] = _after_label

_WITH_NUMBER: dict[str, Callable[[float], Check]] = {"entropy": _entropy}


def resolve(validator: str) -> Check | None:
    """The check a rule names, None for the empty name. KeyError or ValueError for one that does not exist."""
    if not validator:
        return None
    name, colon, number = validator.partition(":")
    if colon:
        return _WITH_NUMBER[name](float(number))
    return _CHECKS[name]
