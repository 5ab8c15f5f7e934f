"""Ways to write a text so that it reads the same to a person or a decoder, and not to a pattern. No screening here."""

from __future__ import annotations

import base64
import codecs
import html
import json
import quopri
from collections.abc import Callable
from urllib.parse import quote

_CYRILLIC = str.maketrans("aeopcyxijsABEKMHOPCTX", "аеорсухіјѕАВЕКМНОРСТХ")
_WIDE = {point: point + 0xFEE0 for point in range(0x21, 0x7F)}
_MATH = {
    **{ord("A") + at: 0x1D400 + at for at in range(26)},
    **{ord("a") + at: 0x1D41A + at for at in range(26)},
    **{ord("0") + at: 0x1D7CE + at for at in range(10)},
}
_CIRCLED = {ord("a") + at: 0x24D0 + at for at in range(26)}
_ARABIC = {ord("0") + at: 0x660 + at for at in range(10)}
_LEET = str.maketrans("aeios", "43105")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _lines(text: str) -> str:
    encoded = base64.b64encode(_bytes(text)).decode()
    return "\n".join(encoded[at : at + 76] for at in range(0, len(encoded), 76))


def _base64(text: str) -> str:
    return base64.b64encode(_bytes(text)).decode()


WAYS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "upper case": str.upper,
    "base64": _base64,
    "base64, URL-safe, without padding": lambda text: base64.urlsafe_b64encode(_bytes(text)).decode().rstrip("="),
    "base64 in lines of 76": _lines,
    "base64 of UTF-16": lambda text: base64.b64encode(text.encode("utf-16-le", "replace")).decode(),
    "base64 twice": lambda text: _base64(_base64(text)),
    "base64 three times": lambda text: _base64(_base64(_base64(text))),
    "base64 four times": lambda text: _base64(_base64(_base64(_base64(text)))),
    "base32": lambda text: base64.b32encode(_bytes(text)).decode(),
    "hexadecimal": lambda text: _bytes(text).hex(),
    "hexadecimal with spaces": lambda text: _bytes(text).hex(" "),
    "hexadecimal with 0x and commas": lambda text: ", ".join(f"0x{byte:02x}" for byte in _bytes(text)),
    "hexadecimal with colons": lambda text: _bytes(text).hex(":").upper(),
    "decimal numbers": lambda text: ",".join(map(str, _bytes(text))),
    "octal escapes": lambda text: "".join(f"\\{byte:03o}" for byte in _bytes(text)),
    "quoted-printable, every byte": lambda text: "".join(f"={byte:02X}" for byte in _bytes(text)),
    "quoted-printable, as mail does": lambda text: quopri.encodestring(_bytes(text), quotetabs=True).decode(),
    "ROT13": lambda text: codecs.encode(text, "rot13"),
    "URL, as a browser does": lambda text: quote(_bytes(text), safe=""),
    "URL, every byte": lambda text: "".join(f"%{byte:02X}" for byte in _bytes(text)),
    "URL twice": lambda text: quote("".join(f"%{byte:02x}" for byte in _bytes(text))),
    "URL three times": lambda text: quote(quote("".join(f"%{byte:02x}" for byte in _bytes(text)))),
    "URL of base64": lambda text: quote(_base64(text)),
    "HTML entities, decimal": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "HTML entities, hexadecimal": lambda text: "".join(f"&#x{ord(char):x};" for char in text),
    "HTML entities, mixed": lambda text: "".join(
        (f"&#{ord(char)};", f"&#x{ord(char):X};", char)[at % 3] for at, char in enumerate(text)
    ),
    "HTML entities, twice": lambda text: html.escape("".join(f"&#{ord(char)};" for char in text)),
    "HTML entities, named": html.escape,
    "JSON escapes": lambda text: "".join(f"\\u{ord(char):04x}" if ord(char) < 0x10000 else char for char in text),
    "JSON string": json.dumps,
    "JSON within JSON, escaped": lambda text: json.dumps(
        json.dumps({"a": "".join(f"\\u{ord(char):04x}" for char in text)})
    ),
    "\\x escapes": lambda text: "".join(f"\\x{ord(char):02x}" if ord(char) < 256 else char for char in text),
    "zero-width spaces": "\u200b".join,
    "soft hyphens": "\u00ad".join,
    "bidi marks": lambda text: "\u202a" + "\u2060".join(text) + "\u202c",
    "no-break spaces": lambda text: text.replace(" ", "\u00a0"),
    "variation selectors": lambda text: "\U0001f600" + "".join(chr(0xE00F0 + byte) for byte in _bytes(text)),
    "invisible tags": lambda text: "".join(chr(0xE0000 + ord(c)) if 0x20 <= ord(c) < 0x7F else c for c in text),
    "Cyrillic look-alikes": lambda text: text.translate(_CYRILLIC),
    "full width": lambda text: text.translate(_WIDE),
    "mathematical letters": lambda text: text.translate(_MATH),
    "circled letters": lambda text: text.translate(_CIRCLED),
    "Arabic digits": lambda text: text.translate(_ARABIC),
    "combining marks": lambda text: "".join(char + "\u0336" if char.isalnum() else char for char in text),
    "letters with accents": lambda text: text.translate(str.maketrans("aeiou", "äëïöü")),
    "leetspeak": lambda text: text.translate(_LEET),
    "Markdown comment": "[//]: # ({})".format,
    "Markdown image": "![{}](https://cdn.example.net/a.png)".format,
    "HTML comment": "<!-- {} -->".format,
    "bold words": lambda text: " ".join(f"**{word}**" for word in text.split(" ")),
    "tags inside of words": "<b></b>".join,
    "letters apart": " ".join,
    "letters apart by dashes": lambda text: " ".join("-".join(word) for word in text.split(" ")),
    "reversed": lambda text: text[::-1],
}
