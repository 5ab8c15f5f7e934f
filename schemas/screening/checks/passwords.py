"""Passwords and keys beside their names: quoted, assigned or told in a sentence. Pure; nothing is kept or logged."""

from __future__ import annotations

import re

from schemas.screening.checks.secret import entropy

Span = tuple[int, int]

LEAST = 6
LEAST_KEY = 16
_RUNS = 8
"""Words after a name in which its value is looked for."""
_STRONG = frozenset("!@#$%^&*+=?~|")
"""Signs that prose and code do not put into words."""

_PLACEHOLDER = re.compile(
    r"example|sample|dummy|placeholder|change_?-?(?:me|it|this)|redacted|replace|your|insert|x{4}|todo|\*{3}|\.{3}|"
    r"<[^<>]{1,40}>|[$#%@]?\{|\$\(|\$[A-Z_]{3,}$|^\$[a-z_]{3,}$|^%\w+%$|%[sd]\b|s3cr3t$|^(?:secret|test|foo|bar|abc)-?_?\d{0,4}$|123456|"
    r"^(?:p[a@]ss(?:w[o0]rd|wd)?|pwd|admin|user)[!_-]?\d{0,2}$",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"^(?:os|env|process|config|settings|self|this|req|request|props|args|vars?|secrets?|data|params|options|ctx|user|form)[.\[]|"
    r"[a-z]\(|\)\.|\[['\"]|->|::|&&|\|\||^null$|^\$[a-z]\w*(?:->|\[|$)|^%[a-z({]|={2}|[!=]=$|^@[a-z]+[./]",
    re.IGNORECASE,
)
_NAMES = re.compile(r"pass(?:word|wd|phrase)|token|secret|_key|api_?key|credential|field|input|column", re.IGNORECASE)
_NAMED = re.compile(r"[A-Za-z_./:-]+\d{0,2}")
"""What code calls things: words, with a number at the end."""
_FORMAT = re.compile(
    r"[a-z]+://|^[.~]{0,2}/|\.(?:json|ya?ml|txt|pem|key|py|js|ts|java|xml|html?|php|go|rb|env|conf|ini|md|csv)$|"
    r"^[\w.+-]+@[\w-]+\.[\w.-]+$|^v?\d+(?:[.:/-]\d+)+[a-z]?$|^(?:sha|md|aes|rsa|base|utf|oauth|argon|pbkdf|hmac|http|ipv)-?\d|"
    r"^[a-z_-]{2,}=\d*$|^\d+[a-z]{1,6}$|^#[0-9a-f]{3,8}$|^[&?]\w+=|^\d{1,2}-\d{1,3}|^rfc ?\d",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"(?:(?:[a-z]{1,12} )?[\w-]{0,24}(?:pass(?:word|wort|wd|phrase|code|ord)?|pwd?|kennwort|wachtwoord|senha|"
    r"salasana|heslo|parola|clave|mdp|zugangsdaten|credentials|creds|"
    r"api[ _-]?key|token|(?:api|client)[ _-]secret|secret(?:[ _-]?key)?|license[ _-]?key|"
    r"app[ _-]?key|access[ _-]?key|master[ _-]?key)|mot de passe|"
    r"contrase(?:ñ|n)a|palavra.passe|hasło|haslo|пароль|пароля|şifre|sifre|密码|密碼|口令|"
    r"パスワード|비밀번호|암호|كلمة المرور|كلمة السر|पासवर्ड|"
    r"l(?:ö|o)senord(?:et)?|adgangskode|jelsz(?:ó|o)|user/pass(?:word)?)",
    re.IGNORECASE,
)
_SIGN = re.compile(
    r"(?:[:=：「『\"'`(\[»|>]|(?<![A-Za-z])(?:is|are|was|be|to|ist|lautet|sind|est|es|son|sera|è|é|är|jest|это|"
    r"teraz|as|"
    r"olarak|now|with|using)|是|为|為|は|는|은|:-|—|–|है|هي|هو)\s*$",
    re.IGNORECASE,
)
_RUN = re.compile(r"[!-~]+")
_BASE64 = "base64:"
_CUT = re.compile(r"[;\"'`<>\\]|&(?=\w+=)|,(?=\w+[=:])|,$")


def strength(value: str) -> int:
    """How many kinds of characters are mixed: small, capital, digits, strong signs."""
    return (
        any(map(str.islower, value))
        + any(map(str.isupper, value))
        + any(map(str.isdigit, value))
        + any(char in _STRONG for char in value)
    )


def secretive(value: str, least: int = LEAST, *, bare: bool = True) -> bool:
    """Whether a value that a name announces as a password may be one, rather than a word, code or a stand-in.

    What is `bare`, not quoted, may be code as well.
    """
    if len(value) < least or _PLACEHOLDER.search(value) or _FORMAT.search(value) or (bare and _CODE.search(value)):
        return False
    letters = any(map(str.isalpha, value))
    digits = any(map(str.isdigit, value))
    strong = any(char in _STRONG for char in value)
    if letters + digits + strong < 2 or (_NAMED.fullmatch(value) and (_NAMES.search(value) or not digits)):
        return False
    return entropy(value) >= (2.0 if strong else 2.25)


def quoted(value: str) -> Span | None:
    """What stands in the last pair of quotation marks of `name = "value`; the closing one is not part of it."""
    start = max(value.rfind('"'), value.rfind("'"), value.rfind("`")) + 1
    secret = value[start:]
    end = start + len(secret)
    name = value[: max(0, start - 1)].lower()
    if re.search(r"(?:key|token|secret|salt)[\s\"'\]=:>,)]{0,12}(?:value)?\s?=?\s{0,3}$", name) and "pass" not in name:
        secret = secret.removeprefix("django-insecure-")
        if not _key(secret, 12, bare=False):
            return None
    elif " " in secret or not secretive(secret, bare=False):
        return None
    return (start, end) if start else None


def _key(secret: str, least: int, *, bare: bool = True) -> bool:
    if len(secret) < least or secret.count(" ") > len(secret) // 12 or not any(map(str.isdigit, secret)):
        return False
    return (
        secretive(secret, least, bare=bare)
        and entropy(secret) >= 3.0
        and not re.fullmatch(r"[A-Za-z]+(?:[ ./_-][A-Za-z]+)*\d?", secret)
    )


def argument(value: str) -> Span | None:
    """The last word of a command line up to here, or the one that is piped to a command."""
    piped = re.match(r"echo [\"']?([^\s\"']+)", value)
    if piped:
        return piped.span(1) if secretive(piped.group(1)) else None
    start = max(value.rfind(char) for char in " \"'") + 1
    head = re.match(r"(?:--[a-z-]+=|-[uawpP]|-pw|pass:)", value[start:])
    start += head.end() if head else 0
    if re.search(r"(?:-u|--user|-a|--auth) ?[\"']?$", value[:start]) or (head and head.group() in ("-u", "-a")):
        start += value[start:].find(":") + 1
    return (start, len(value)) if secretive(value[start:]) else None


def announced(value: str) -> Span | None:
    """The password that follows its name: after a colon, `=` or `is`, or, if it cannot be a word, some words later."""
    return _announced(value, key=False)


def announced_key(value: str) -> Span | None:
    """Like `announced`, for a key: sixteen characters at least."""
    return _announced(value, key=True)


def _announced(value: str, *, key: bool) -> Span | None:
    label = _LABEL.match(value)
    begin = label.end() if label else 0
    if not label or value[0].isdigit() or re.match(r"[A-Za-z0-9_.@\[(-](?! )|\]|s\b", value[begin : begin + 2]):
        return None
    for count, run in enumerate(_RUN.finditer(value, begin)):
        if count >= _RUNS:
            return None
        start, word = run.start(), run.group()
        stripped = word.lstrip(":=([{\"'`|>") if count == 0 or word[0] in "\"'`([" else word
        start += len(word) - len(stripped)
        cut = _CUT.search(stripped)
        stripped = stripped[: cut.start()] if cut else stripped
        secret = stripped.rstrip(".,:)]}") if len(stripped) > 1 else stripped
        direct = _SIGN.search(value[begin:start]) is not None
        if key and secret.startswith(_BASE64):
            secret, start = secret[len(_BASE64) :], start + len(_BASE64)
        if secret and _holds(secret, direct=direct, key=key):
            return start, start + len(secret)
        only_signs = not any(map(str.isalnum, word)) or value.startswith(" / ", run.end())
        if (direct and not only_signs and re.fullmatch(r"\W*", value[begin:start])) or re.search(r"[a-z][.?!]$", word):
            return None
    return None


def _holds(secret: str, *, direct: bool, key: bool) -> bool:
    if key:
        return re.fullmatch(r"[A-Za-z0-9_+/=.~-]+", secret) is not None and _key(secret, LEAST_KEY)
    if direct:
        return secretive(secret)
    return secretive(secret) and strength(secret) >= 3 and any(map(str.isdigit, secret))


_COLUMN = re.compile(
    r"[\s\"'`*_]*(?:[\w ]{0,16}[ _-])?(?:password|passwd|passphrase|pass|pwd|passwort|kennwort|senha|"
    r"contrase(?:ñ|n)a|mot de passe|wachtwoord|secret|api[ _-]?key|token)[\s\"'`*_]*",
    re.IGNORECASE,
)
_HEADING = re.compile(r"[\w \"'`*#./-]{0,40}")
_RULE = re.compile(r"[\s|:+=-]+")
_CELL = " \t\r\"'`*"


def column(value: str) -> Span | None:
    """From the first to the last secret below the heading of a column of passwords, in a table or in CSV."""
    header, newline, _ = value.partition("\n")
    between = max("|,;\t", key=header.count)
    headings = header.rstrip("\r").split(between)
    named = [at for at, heading in enumerate(headings) if _COLUMN.fullmatch(heading)]
    if not newline or len(headings) < 2 or not named or not all(map(_HEADING.fullmatch, headings[1:])):
        return None
    # from the right, since the first columns may be out of sight
    place = named[-1] - len(headings)
    found: list[Span] = []
    start = len(header) + 1
    for row in value[start:].split("\n"):
        cells = row.rstrip("\r").split(between)
        if not _RULE.fullmatch(row):
            if len(cells) < -place:
                break
            cell = cells[place]
            secret = cell.strip(_CELL)
            if secretive(secret):
                begin = start + sum(len(each) + 1 for each in cells[:place]) + cell.find(secret)
                found.append((begin, begin + len(secret)))
        start += len(row) + 1
    return (found[0][0], found[-1][1]) if found else None
