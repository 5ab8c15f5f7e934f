"""What is verified in Python once a pattern has hit: check digits, entropy, shape. Pure, linear in a bounded value.

A check takes the candidate and answers the part of it that is the hit, as `(start, end)` within the candidate, or
None when it is no hit after all.
"""

from __future__ import annotations

from collections.abc import Callable

from schemas.screening.checks import contact, national, numbers, secret

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
    "credentials": secret.credentials,
    "de-steuer-id": _when(national.de_steuer_id),
    "email": contact.email,
    "es-dni": _when(national.es_dni),
    "fr-nir": _when(national.fr_nir),
    "iban": _when(numbers.iban),
    "in-aadhaar": _when(national.in_aadhaar),
    "it-codice-fiscale": _when(national.it_codice_fiscale),
    "jwt": secret.jwt,
    "mixed": _when(secret.mixed),
    "nanp": _when(contact.nanp),
    "nl-bsn": _when(national.nl_bsn),
    "payment-card": _when(numbers.payment_card),
    "pem": secret.pem,
    "phone": _when(contact.phone),
    "pl-pesel": _when(national.pl_pesel),
    "se-personnummer": _when(national.se_personnummer),
    "secret-value": secret.assigned,
    "uk-nhs": _when(national.uk_nhs),
    "uk-nino": _when(national.uk_nino),
    "url-password": secret.url_password,
    "us-itin": _when(national.us_itin),
    "us-ssn": _when(national.us_ssn),
}

_WITH_NUMBER: dict[str, Callable[[float], Check]] = {"entropy": _entropy}


def resolve(validator: str) -> Check | None:
    """The check a rule names, None for the empty name. KeyError or ValueError for one that does not exist."""
    if not validator:
        return None
    name, colon, number = validator.partition(":")
    if colon:
        return _WITH_NUMBER[name](float(number))
    return _CHECKS[name]
