"""What an item of the corpus is, and how templates are filled. No templates here."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable, Mapping

import msgspec

Maker = Callable[[random.Random], str]
"""Makes one value."""

_SLOT = re.compile(r"<<([a-z_0-9]+)>>")


class Label(msgspec.Struct, frozen=True):
    """These characters of the text are of this kind; of the kind `either` they may be found or not."""

    kind: str
    start: int
    end: int


class Item(msgspec.Struct, frozen=True):
    """One text, what it is and what is in it. `group`: secrets, pii, injection, jailbreak or clean."""

    group: str
    kind: str
    text: str
    labels: tuple[Label, ...] = ()


def filled(
    group: str,
    kind: str,
    template: str,
    rng: random.Random,
    labelled: Mapping[str, tuple[str, str]],
    plain: Mapping[str, Maker],
) -> Item:
    """The item that a template gives. `labelled` slots have a kind and a value; `plain` ones a maker."""
    parts: list[str] = []
    labels: list[Label] = []
    length = at = 0
    for slot in _SLOT.finditer(template):
        name = slot.group(1)
        kind_of, value = labelled[name] if name in labelled else ("", plain[name](rng))
        parts += (template[at : slot.start()], value)
        length += slot.start() - at
        if kind_of:
            labels.append(Label(kind_of, length, length + len(value)))
        length += len(value)
        at = slot.end()
    parts.append(template[at:])
    return Item(group, kind, "".join(parts), tuple(labels))


def of(alphabet: str, least: int, most: int = 0) -> Maker:
    """Makes so many letters of an alphabet."""

    def make(rng: random.Random) -> str:
        return "".join(rng.choices(alphabet, k=rng.randint(least, most or least)))

    return make


def one_of(*values: str) -> Maker:
    """Makes one of these."""
    return lambda rng: rng.choice(values)


DIGITS = string.digits
HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase
ALNUM = string.ascii_letters + string.digits
BASE64 = ALNUM + "+/"
URL64 = ALNUM + "_-"
FIRST = one_of(
    *("Amelia", "Jonas", "Priya", "Luca", "Marta", "Yusuf", "Chen", "Sofia", "Owen", "Ingrid", "Rafael", "Noor"),
    *(
        "Kacper",
        "Élise",
        "Jürgen",
        "Beatriz",
        "Dmitri",
        "Hannah",
        "Tomás",
        "Aiko",
        "Liam",
        "Zofia",
        "Anders",
        "Wanjiru",
    ),
)
LAST = one_of(
    *("Okafor", "Müller", "Sharma", "Rossi", "Kowalska", "Demir", "Wei", "García", "Hughes", "Lindqvist", "Souza"),
    *("Haddad", "Nowak", "Lefèvre", "Schneider", "Costa", "Ivanov", "Baker", "Navarro", "Tanaka", "Byrne", "Mutua"),
)
COMPANY = one_of(
    *("Brightwater Ltd", "Halden & Søn", "Nordlicht GmbH", "Cobalt Robotics", "Verdant Foods", "Atlas Freight"),
    *("Mirador SA", "Keystone Dental", "Pinecrest School", "Orbis Media", "Tidewater Marine", "Sakura Print"),
)
HOST = one_of(
    *("db-prod-2.internal", "pg.orders.corp.net", "10.20.31.7", "cache01.svc.cluster.local", "mq.eu-west.acme.io"),
    *("warehouse.analytics.lan", "cluster0.x9k2p.mongodb.net", "mysql-7.hosting.company", "192.168.40.12"),
)
ACCOUNT = one_of("svc_orders", "deploy", "reporting", "app_rw", "ci-runner", "jsmith", "etl", "root", "backup_user")
NUMBER = of(DIGITS, 3, 6)
DAY = one_of("12 March", "the 3rd of May", "Tuesday", "2024-09-17", "next Friday", "21/11/2025", "Q3", "yesterday")
PLAIN: dict[str, Maker] = {
    "first": FIRST,
    "last": LAST,
    "company": COMPANY,
    "host": HOST,
    "account": ACCOUNT,
    "number": NUMBER,
    "day": DAY,
}
