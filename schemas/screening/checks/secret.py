"""How secrets differ from text that looks like them: entropy, placeholders, structure. Nothing is kept or logged."""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import re
import zlib
from collections import Counter

_PLACEHOLDER = re.compile(
    r"example|sample|dummy|placeholder|change_?me|redacted|replace|your[_-]?|insert|xxxx|todo|\*\*\*|\.\.\.|<|>|\$\{|\{\{|%\(",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"^(?:os|env|process|config|settings|self|this|req|request|props|args|vars?|secrets?)\.|[\[\]()]|^[$%]|^null$"
)


_NAME_OF_SECRET = re.compile(r"[a-z][a-z-]+(?:/(?:[a-z]{2}[a-z_-]*|v?\d{1,4}))+")
"""Where a secret is kept: `projects/acme/secrets/db-password/versions/3`."""


def entropy(value: str) -> float:
    """Shannon entropy in bits a character; 0 for the empty string."""
    if not value:
        return 0.0
    total = len(value)
    return -sum(count / total * math.log2(count / total) for count in Counter(value).values())


def placeholder(value: str) -> bool:
    """Whether the value is what documentation writes in place of a secret."""
    return _PLACEHOLDER.search(value) is not None


def mixed(value: str) -> bool:
    """Random key material over a large alphabet: both cases, a digit, at least 4 bits a character, and no `EXAMPLE`."""
    return (
        "EXAMPLE" not in value
        and any(map(str.isupper, value))
        and any(map(str.islower, value))
        and any(map(str.isdigit, value))
        and entropy(value) >= 4.0
    )


def assigned(value: str) -> tuple[int, int] | None:
    """The value of `name = value` (or `Scheme value`), when it looks like a secret and not like code or prose."""
    found = re.match(r"[\w-]{0,40}[\"']?\s{0,6}(?:=>|:=|[=:]|\s)\s{0,6}[\"']?", value)
    start = found.end() if found else 0
    secret = value[start:].rstrip(".")
    if len(secret) < 8 or placeholder(secret) or _CODE.search(secret) or _NAME_OF_SECRET.fullmatch(secret):
        return None
    letters = any(map(str.isalpha, secret))
    others = any(not char.isalpha() for char in secret)
    if not (letters and others) or not any(map(str.isdigit, secret)) or entropy(secret) < 2.75:
        return None
    return start, start + len(secret)


def credentials(value: str) -> tuple[int, int] | None:
    """The credentials of `Authorization: <scheme> <credentials>` (RFC 9110, 11.4), unless they are a placeholder."""
    secret = value.rsplit(maxsplit=1)[-1]
    if placeholder(secret) or not any(map(str.isdigit, secret)) or entropy(secret) < 3.0:
        return None
    return len(value) - len(secret), len(value)


def url_password(value: str) -> tuple[int, int] | None:
    """The password of `scheme://user:password@host` (RFC 3986, 3.2.1), unless it is a placeholder."""
    start = value.find("://") + 3
    authority = re.split(r"[/?#]", value[start:], maxsplit=1)[0]
    if "@" not in authority:  # a password that was not percent-encoded, as people paste them
        authority = value[start:].split("/", 1)[0]
    userinfo, at, host = authority.rpartition("@")
    user, colon, password = userinfo.partition(":")
    if not (at and colon and host and password) or placeholder(password) or password[0] in "$%{[":
        return None
    if len(password) < 3 or password.lower() in ("password", "pass", "pwd", "secret") or password == user != "":
        return None
    start += len(user) + 1
    return start, start + len(password)


def jwt(value: str) -> tuple[int, int] | None:
    """Compact JWS or JWE (RFC 7515, 7516): three or five parts, the first a JSON header that names an algorithm."""
    token = value.rstrip(".-_=")
    if token.count(".") not in (2, 4):
        return None
    parts = token.split(".")
    if not all(parts[:2]) or len(parts[0]) > 2048:
        return None
    try:
        header = base64.urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4))
    except (binascii.Error, ValueError):
        return None
    return (0, len(token)) if header.startswith(b"{") and b'"alg"' in header else None


_ARMOUR_LINE = re.compile(r"(?:[A-Za-z0-9+/=]{0,80}|[A-Za-z-]{3,20}: [^\r\n]{0,80})(?:\r?\n|\\r\\n|\\n|$)")
_ARMOUR_BODY = re.compile(r"[A-Za-z0-9+/=]{16}")


def pem(value: str) -> tuple[int, int] | None:
    """An armoured private key: to its END line when it has one, else as far as its lines go (RFC 7468, RFC 9580)."""
    body = value.find("-----", 10) + 5
    end = len(value)
    if value.find("-----END ", body) < 0:
        end = body
        while end < len(value) and (line := _ARMOUR_LINE.match(value, end)) and line.end() > end:
            end = line.end()
    return (0, end) if _ARMOUR_BODY.search(value, body, end) else None


_BASE58 = {char: rank for rank, char in enumerate("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")}


def base58check(value: str) -> bool:
    """Base58 whose last four bytes are the double SHA-256 of the rest, as Bitcoin writes its private keys (WIF)."""
    number = 0
    for char in value:
        number = number * 58 + _BASE58.get(char, 0)
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return len(raw) > 4 and hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]


_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def github_checksum(value: str) -> bool:
    """Whether a token of GitHub's or npm's ends with the CRC-32 of its 30 random characters, in base 62.

    https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
    """
    random = value.rpartition("_")[2]
    if len(random) != 36:
        return False
    number, digits = zlib.crc32(random[:30].encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits == random[30:]


def github_token(value: str) -> bool:
    """A token whose checksum holds is one, whatever it reads like; one without may be older, but is no filler."""
    return github_checksum(value) or entropy(value[4:]) >= 3.0


def command_password(value: str) -> tuple[int, int] | None:
    """The last word of a command line up to here, when it is a password and neither a variable nor a placeholder."""
    start = max(value.rfind(char) for char in " =:%") + 1
    if value.startswith("mysql"):
        start = value.rfind(" -p") + 3
    secret = value[start:].strip("\"'")
    start = value.find(secret, start)
    if len(secret) < 6 or placeholder(secret) or secret[0] in "$%-" or not any(map(str.isdigit, secret)):
        return None
    return start, start + len(secret)


_JWK_PRIVATE = re.compile(r"[\"'](?:d|k)[\"']\s{0,2}:\s{0,2}[\"'][A-Za-z0-9_-]{22}")


def private_jwk(value: str) -> bool:
    """A JSON Web Key that holds its private or symmetric part (RFC 7518, 6.2.2, 6.3.2, 6.4.1)."""
    return _JWK_PRIVATE.search(value) is not None


_WORD_LIST_LENGTHS = (12, 15, 18, 21, 24)
_SEED_LABEL = re.compile(
    r"[A-Za-z ]{0,20}(?:phrase|mnemonic|seed|words)[\s:=\"'-]{0,6}(?:is|are)?[\s:=\"'-]{0,6}", re.IGNORECASE
)


def mnemonic(value: str) -> tuple[int, int] | None:
    """12 to 24 short plain words in a row after the label, as BIP 39 writes a seed; sentences have other words."""
    label = _SEED_LABEL.match(value)
    start = label.end() if label else 0
    row = []
    for found in re.finditer(r"[A-Za-z]+", value[start:]):
        word = found.group()
        if not (3 <= len(word) <= 8 and word.islower()) or word in _SENTENCE_WORDS:
            break
        row.append(found)
    count = max((length for length in _WORD_LIST_LENGTHS if length <= len(row)), default=0)
    return (start + row[0].start(), start + row[count - 1].end()) if count else None


_SENTENCE_WORDS = frozenset(
    ("the", "and", "are", "that", "this", "you", "your", "for", "not", "with", "was", "has", "have", "which", "from")
)
"""Common in sentences, absent from the English word list."""


def element(value: str) -> tuple[int, int] | None:
    """The text of an XML element, when it looks like a secret."""
    start = value.find(">") + 1
    secret = value[start:]
    if placeholder(secret) or not _lettered_and_numbered(secret) or entropy(secret) < 2.75:
        return None
    return start, len(value)


_CALL = re.compile(r"[A-Za-z_]{3}\(")


def spoken(value: str) -> tuple[int, int] | None:
    """The last word of a sentence that tells a password: letters and digits or signs mixed, no word, no date."""
    start = max(value.rfind(" "), value.rfind('"'), value.rfind("'"), value.rfind("`")) + 1
    secret = value[start:].rstrip(".,!?:)") or value[start:]
    if len(secret) < 8 or placeholder(secret) or not _lettered_and_numbered(secret) or "://" in secret:
        return None
    if _CALL.search(secret):
        return None
    return (start, start + len(secret)) if entropy(secret) >= 2.75 else None


def _lettered_and_numbered(secret: str) -> bool:
    return any(map(str.isalpha, secret)) and any(map(str.isdigit, secret))


def three_parts(value: str) -> bool:
    """Three parts with dots between, the last one long: name, scope and key of a permanent token."""
    parts = value.split(".")
    return len(parts) == 3 and all(parts) and len(parts[2]) >= 30


def environment(value: str) -> tuple[int, int] | None:
    """The value of `NAME=value` in an environment file, unless it is a placeholder or a plain word."""
    start = value.find("=") + 1
    secret = value[start:].strip("\"'")
    if len(secret) < 8 or placeholder(secret) or not _lettered_and_numbered(secret):
        return None
    start = value.find(secret, start)
    return start, start + len(secret)
