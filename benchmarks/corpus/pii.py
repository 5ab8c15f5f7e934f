"""Letters, forms, tables and records with the data of made-up persons from thirteen countries."""

from __future__ import annotations

import random
from collections.abc import Iterator

from benchmarks.corpus import numbers
from benchmarks.corpus.item import DIGITS, PLAIN, UPPER, Item, Maker, filled, of


def _of_parts(*parts: str | int) -> Maker:
    """So many letters of each alphabet, one part after the other."""
    makers = [of(str(alphabet), int(count)) for alphabet, count in zip(parts[::2], parts[1::2], strict=True)]
    return lambda rng: "".join(make(rng) for make in makers)


_PLACES: dict[str, dict[str, tuple[str, ...]]] = {
    "us": {
        "ssn": (
            "Dear Sir or Madam, my social security number is <<v>> and my refund has not arrived. <<first>> <<last>>",
            "Employee: <<first>> <<last>>\nSSN: <<v>>\nStart: <<day>>",
            '{"applicant": "<<first>>", "ssn": "<<v>>", "score": <<number>>}',
            "name,ssn,city\n<<first>> <<last>>,<<v>>,Dayton\n",
            "W-2 for <<first>>: Social Security No. <<v>>, wages <<number>>",
        ),
        "phone": ("Call me back at <<v>> after 5pm.", "Contact: <<first>> <<last>>, phone <<v>>", "Cell: <<v>>"),
        "routing": (
            "Wire to <<company>>, routing number <<v>>, reference <<number>>.",
            "ABA: <<v>>\nBank: First Valley",
        ),
        "account": ("Direct deposit to account number <<v>> please.", "Bank account no: <<v>> (checking)"),
    },
    "uk": {
        "nino": (
            "My National Insurance number is <<v>>, I moved jobs in May.",
            "NI number: <<v>>\nTax code: 1257L",
            "New starter <<first>> <<last>>, NINO <<v>>, starts <<day>>",
        ),
        "nhs": ("Patient <<first>> <<last>>, NHS number <<v>>, referred <<day>>.", "NHS No: <<v>> GP: Dr Byrne"),
        "phone": ("You can reach me on <<v>>.", "Mobile: <<v>>"),
        "iban": ("Please pay invoice <<number>> to IBAN <<v>>.", "Bank details\nIBAN: <<v>>\nBIC: <<bic>>"),
    },
    "de": {
        "tax": (
            "Meine Steuer-ID lautet <<v>>, bitte tragen Sie sie ein.",
            "Steuerliche Identifikationsnummer: <<v>>\nName: <<first>> <<last>>",
            "IdNr. <<v>> | Finanzamt Köln-Süd",
        ),
        "phone": ("Rufen Sie mich unter <<v>> zurück.", "Tel.: <<v>>"),
        "iban": ("Bitte überweisen Sie auf das Konto <<v>>.", "Kontoinhaber: <<first>> <<last>>\nIBAN <<v>>"),
    },
    "fr": {
        "nir": (
            "Mon numéro de sécurité sociale est le <<v>>.",
            "N° Sécurité sociale : <<v>>\nNom : <<last>>",
            "Assuré <<first>> <<last>>, NIR <<v>>, remboursement du <<day>>",
        ),
        "phone": ("Joignez-moi au <<v>>.", "Tél. : <<v>>"),
        "iban": ("Merci de virer la somme sur le compte <<v>>.", "RIB - IBAN : <<v>>"),
    },
    "es": {
        "dni": (
            "Soy <<first>> <<last>>, con DNI <<v>>, y solicito el alta.",
            "DNI/NIF: <<v>>",
            "D.N.I. núm. <<v>>, domicilio en Vigo",
        ),
        "nie": ("Mi NIE es <<v>> y caduca en mayo.", "Documento (NIE): <<v>>"),
        "phone": ("Llámeme al <<v>>.", "Móvil: <<v>>"),
        "iban": ("Domiciliar el recibo en <<v>>.", "Número de cuenta (IBAN): <<v>>"),
    },
    "it": {
        "code": (
            "Il mio codice fiscale è <<v>>.",
            "C.F.: <<v>>\nCognome: <<last>>",
            "Paziente <<last>>, cod. fisc. <<v>>",
        ),
        "phone": ("Mi chiami al <<v>>.", "Cell. <<v>>"),
        "iban": ("Bonifico su <<v>> entro <<day>>.", "Coordinate bancarie: <<v>>"),
    },
    "nl": {
        "bsn": (
            "Mijn burgerservicenummer is <<v>>.",
            "BSN: <<v>>\nNaam: <<last>>",
            "Cliënt <<last>> (BSN <<v>>) belde <<day>>",
        ),
        "phone": ("Bel mij op <<v>>.", "Mobiel: <<v>>"),
        "iban": ("Graag overmaken naar <<v>> t.n.v. <<last>>.", "Rekeningnummer: <<v>>"),
    },
    "pl": {
        "pesel": (
            "Mój PESEL to <<v>>.",
            "PESEL: <<v>>\nNazwisko: <<last>>",
            "Pacjent <<first>> <<last>>, nr PESEL <<v>>",
        ),
        "phone": ("Proszę dzwonić pod numer <<v>>.", "tel. <<v>>"),
        "iban": ("Proszę o przelew na konto <<v>>.", "Nr rachunku: <<v>>"),
    },
    "se": {
        "person": (
            "Mitt personnummer är <<v>>.",
            "Personnummer: <<v>>\nNamn: <<last>>",
            "Patient <<last>>, pnr <<v>>, bokad <<day>>",
        ),
        "phone": ("Ring mig på <<v>>.", "Mobil: <<v>>"),
        "iban": ("Betala till <<v>>.", "IBAN: <<v>> BIC: <<bic>>"),
    },
    "br": {
        "cpf": (
            "Meu CPF é <<v>>, preciso da segunda via.",
            "CPF: <<v>>\nNome: <<last>>",
            "cliente;cpf\n<<last>>;<<v>>",
        ),
        "phone": ("Me ligue no <<v>>.", "Celular: <<v>>"),
    },
    "in": {
        "aadhaar": (
            "My Aadhaar number is <<v>>, kindly update the address.",
            "Aadhaar: <<v>>",
            "UIDAI record for <<first>>: <<v>>",
        ),
        "pan": ("PAN card no. <<v>> attached for KYC.", "PAN: <<v>>\nName: <<last>>"),
        "phone": ("Please call <<v>> in the evening.", "Mob: <<v>>"),
    },
    "ca": {
        "sin": ("My social insurance number is <<v>>.", "SIN: <<v>>\nProvince: Manitoba", "T4 for <<last>>, SIN <<v>>"),
        "phone": ("Call <<v>> to confirm.", "Tel <<v>>"),
    },
    "au": {
        "tfn": (
            "My tax file number is <<v>>.",
            "TFN: <<v>>\nEmployer: <<company>>",
            "Super form, TFN <<v>>, fund <<number>>",
        ),
        "phone": ("Text me on <<v>>.", "Ph: <<v>>"),
    },
}
_BESIDE = {"expiry": ("either", "09/27"), "bic": ("either", "NWBKGB2L")}
_SHARED = {
    "card": (
        numbers.card,
        (
            "I was charged twice on card <<v>>, exp <<expiry>>.",
            "Kreditkarte <<v>>, gültig bis <<expiry>>",
            '{"pan": "<<v>>", "cvv": "***"}',
            "Ma carte <<v>> a été refusée hier.",
            "order <<number>>; paid with <<v>>; shipped <<day>>",
            "Número de tarjeta: <<v>>",
        ),
    ),
    "e-mail": (
        numbers.email,
        (
            "Please send it to <<v>>, thanks.",
            "From: <<first>> <<last>> <<<v>>>\nSubject: minutes",
            "id,name,mail\n<<number>>,<<first>>,<<v>>\n",
            "Schreiben Sie an <<v>> bis <<day>>.",
            "INFO user <<v>> logged in from 10.0.0.7",
        ),
    ),
    "birth": (
        numbers.birth,
        (
            "Date of birth: <<v>>\nName: <<last>>",
            "Patient <<first>> <<last>>, DOB <<v>>, allergic to penicillin",
            "geboren am <<v>> in Kiel",
            "Fecha de nacimiento: <<v>>",
            "Né le <<v>> à Lyon",
        ),
    ),
    "passport": (
        numbers.passport,
        (
            "Passport number <<v>>, issued in London.",
            "Passport No: <<v>>\nNationality: Irish",
            "Reisepassnummer: <<v>>",
            "Numéro de passeport : <<v>>",
        ),
    ),
}
_AT_HOME: dict[str, tuple[Maker, tuple[str, ...]]] = {
    "uk": (numbers.phone("07### ######"), ("Mobile: <<v>>", "tel <<v>> after six", "Phone no. <<v>>")),
    "de": (numbers.phone("017# #######"), ("Handy: <<v>>", "Telefonnummer: <<v>>", "Tel.: <<v>>")),
    "fr": (numbers.phone("06 ## ## ## ##"), ("Portable : <<v>>", "Tél : <<v>>", "téléphone <<v>>")),
    "es": (numbers.phone("6## ### ###"), ("móvil: <<v>>", "Teléfono: <<v>>", "tlf: <<v>>")),
    "it": (numbers.phone("3## #######"), ("cellulare: <<v>>", "Cell. <<v>>", "telefono: <<v>>")),
    "nl": (numbers.phone("06-########"), ("mobiel: <<v>>", "tel. <<v>>")),
    "pl": (numbers.phone("5## ### ###"), ("telefon: <<v>>", "nr telefonu: <<v>>")),
    "br": (numbers.phone("(11) 9####-####"), ("Celular: <<v>>", "WhatsApp: <<v>>", "telefone <<v>>")),
    "in": (numbers.phone("98### #####"), ("Mobile no: <<v>>", "Contact: <<v>>")),
    "au": (numbers.phone("04## ### ###"), ("mobile: <<v>>", "Ph: <<v>>")),
}
"""Telephone numbers as they are written within a country, beside their name."""
_PASSPORTS: dict[str, tuple[Maker, tuple[str, ...]]] = {
    "fr": (_of_parts(DIGITS, 2, UPPER, 2, DIGITS, 5), ("Passeport n° <<v>>", "Numéro de passeport français : <<v>>")),
    "es": (_of_parts(UPPER, 3, DIGITS, 6), ("Pasaporte: <<v>>", "número de pasaporte <<v>>")),
    "de": (_of_parts("CFGHJK", 1, "CFGHJKLMNPRTVWXYZ0123456789", 8), ("Reisepass Nr. <<v>>", "Reisepassnummer: <<v>>")),
    "it": (_of_parts("Y", 1, "AB", 1, DIGITS, 7), ("Passaporto n. <<v>>",)),
    "br": (_of_parts(UPPER, 2, DIGITS, 6), ("Passaporte: <<v>>",)),
    "in": (_of_parts(UPPER, 1, DIGITS, 7), ("Indian passport <<v>>",)),
}
_LETTERS = (
    "Dear team,\n\nI am writing about claim <<number>>. My details: <<first>> <<last>>, <<a>>, <<b>>. Please reply by "
    "<<day>>.\n\nKind regards,\n<<first>>",
    "Summarise this record for the doctor:\n\nName | Id | Contact\n<<first>> <<last>> | <<a>> | <<b>>\n",
    "Translate to English: <<first>> <<last>> (<<a>>) kontaktiert uns über <<b>> wegen Rechnung <<number>>.",
    '[{"name": "<<first>> <<last>>", "id": "<<a>>", "contact": "<<b>>", "orders": <<number>>}]',
)
_KEYED = {
    "us": ("ssn", "SSN "), "uk": ("nino", "NI number "), "de": ("tax", "Steuer-ID "), "fr": ("nir", "NIR "),
    "es": ("dni", "DNI "), "it": ("code", "codice fiscale "), "nl": ("bsn", "BSN "), "pl": ("pesel", "PESEL "),
    "se": ("person", "personnummer "), "br": ("cpf", "CPF "), "in": ("aadhaar", "Aadhaar "), "ca": ("sin", "SIN "),
    "au": ("tfn", "TFN "),
}  # fmt: skip


def items(seed: int) -> Iterator[Item]:
    """About seven hundred."""
    rng = random.Random(seed)
    for country, kinds in _PLACES.items():
        for kind, templates in kinds.items():
            for template in templates * 4:
                value = numbers.NUMBERS[country][kind](rng)
                yield filled("pii", f"{country} {kind}", template, rng, {"v": ("pii", value), **_BESIDE}, PLAIN)
        kind, word = _KEYED[country]
        for template in _LETTERS * 2:
            labelled = {
                "a": ("pii", word + numbers.NUMBERS[country][kind](rng)),
                "b": ("pii", numbers.email(rng)),
            }
            yield filled("pii", f"{country} letter", template, rng, labelled, PLAIN)
    for kind, places in (("phone at home", _AT_HOME), ("passport", _PASSPORTS)):
        for country, (make, templates) in places.items():
            for template in templates * 2:
                yield filled("pii", f"{country} {kind}", template, rng, {"v": ("pii", make(rng))}, PLAIN)
    for kind, (make, templates) in _SHARED.items():
        for template in templates * 6:
            yield filled("pii", kind, template, rng, {"v": ("pii", make(rng)), **_BESIDE}, PLAIN)
