"""The shape of e-mail addresses and telephone numbers. No lookup of domains or carriers."""

from __future__ import annotations

import re

from schemas.screening.checks.numbers import digits

_DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}")
_USERINFO = re.compile(r"://[^/?&\s]*$")
"""The `@` after it parts a user and a password from a host (RFC 3986, 3.2.1)."""
_NO_DOMAINS = frozenset(
    (
        *("png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "bmp", "pdf", "txt", "csv", "xml", "yml", "yaml", "toml"),
        *("js", "jsx", "ts", "tsx", "mjs", "cjs", "css", "scss", "py", "json", "html", "vue", "kt", "gradle", "lock"),
        *("log", "tar", "gz", "jar", "exe", "dll", "tmp", "bak", "ini", "cfg", "conf", "sql"),
        *("service", "socket", "timer", "mount", "target", "slice", "scope"),
        *("internal", "localdomain", "localhost", "lan", "svc"),
    )
)
"""What ends files, units of systemd (`getty@tty1.service`), names of machines; no top-level domain of mail."""
_NOT_PERSONS = frozenset({"git", "hg", "svn", "this", "super", "return"})
"""The user of a repository's SSH address, `git@host:path`; words of Kotlin, `this@Activity.field`."""
_REMOTE = re.compile(r"(?:^|[\s;&|`$(])(?:ssh|scp|sftp|rsync|mosh|autossh|ssh-copy-id)\s[^|;&]{0,60}$")
"""Who logs in on another machine writes `user@host` as well."""
_PATH = re.compile(r":[~/]|:[\w.-]+/")
_RELEASE = re.compile(r"v?\d+\.\d+\.\d+")
"""`package@1.2.3-rc.next` (Semantic Versioning)."""


def email(value: str) -> tuple[int, int] | None:
    """RFC 5321 addresses with a dot-atom and a domain name; what stands around it on its line is cut off."""
    local, _, domain = value.rpartition("@")
    if _USERINFO.search(local):
        return None
    name = re.split(r"[^\w.%+-]", local)[-1].lstrip(".-%+")
    if not name or len(name) > 64 or name.endswith(".") or ".." in name or name.lower() in _NOT_PERSONS:
        return None
    found = _DOMAIN.match(domain)
    if found is None or found.group().rpartition(".")[2].lower() in _NO_DOMAINS or _RELEASE.match(domain):
        return None
    if ".svc." in found.group():  # a service of Kubernetes
        return None
    if _PATH.match(domain, found.end()) or _REMOTE.search(local[: len(local) - len(name)]):
        return None
    start = len(local) - len(name)
    return start, len(local) + 1 + found.end()


_NUMBER = re.compile(r"[(]?\d[\d ()./-]*$")
_DATED = re.compile(r"(?:19|20)\d\d[-./]\d{1,2}[-./]|\d{1,2}[./-]\d{1,2}[./-](?:19|20)\d\d")


def told_phone(value: str) -> tuple[int, int] | None:
    """The number after its name: nine to twelve digits in at most five groups, no date."""
    found = _NUMBER.search(value)
    if found is None:
        return None
    written = found.group().rstrip(" ()./-")
    groups = re.findall(r"\d+", written)
    number = "".join(groups)
    if not 9 <= len(number) <= 12 or len(groups) > 5 or len(set(number)) < 3 or _DATED.match(written):
        return None
    if len(number) == 9 and number[0] not in "056789":
        return None
    return found.start(), found.start() + len(written)


def phone(value: str) -> bool:
    """E.164: 8 to 15 digits after the plus sign, parentheses in pairs."""
    number = "".join(char for char in value if char.isdigit())
    return 8 <= len(number) <= 15 and value.count("(") == value.count(")") and len(set(number)) > 2


def nanp(value: str) -> bool:
    """North American numbers: no area or exchange N11; ten digits after an optional 1."""
    number = digits(value.replace("(", "").replace(")", "")).lstrip("+")
    if len(number) == 11 and number[0] == "1":
        number = number[1:]
    if len(number) != 10 or value.count("(") != value.count(")"):
        return False
    return number[1:3] != "11" and number[4:6] != "11" and len(set(number)) > 2
