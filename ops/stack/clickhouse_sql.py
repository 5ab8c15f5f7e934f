"""As much of ClickHouse's grammar as its HTTP interface needs: where a statement ends and its data begins. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# One token at a time, from ClickHouse's lexer: quoted strings escape by backslash or by doubling.
_TOKEN = re.compile(
    rb"""
    (?P<skip>   \s+ | --[^\n]* | \#[!\ ][^\n]* | /\*.*?(?:\*/|\Z) )
  | (?P<quoted> '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`\\]|\\.|``)*` | \$(\w*)\$.*?\$\3\$ )
  | (?P<word>   [A-Za-z_]\w* )
  | (?P<number> [0-9][\w.]* )
  | (?P<mark>   . )
    """,
    re.VERBOSE | re.DOTALL,
)
_OPENING, _CLOSING = b"([{", b")]}"


@dataclass(frozen=True)
class Statement:
    """One statement. ``output_format`` is what its FORMAT clause asks for, if it has one."""

    text: bytes
    output_format: str | None = None


@dataclass(frozen=True)
class Insert:
    """An INSERT whose rows travel with it: ``head`` up to the place for ``FROM INFILE``, ``tail`` from there on."""

    head: bytes
    tail: bytes
    data: bytes


class SeveralStatements(ValueError):
    """More than one statement was sent; the HTTP interface takes one."""


@dataclass(frozen=True)
class _Token:
    kind: str
    text: bytes
    start: int
    end: int


def _tokens(sql: bytes) -> Iterator[_Token]:
    """The tokens outside all brackets; a bracketed part shows as its two brackets."""
    depth = 0
    for match in _TOKEN.finditer(sql):
        kind, text = match.lastgroup or "mark", match[0]
        if kind == "skip":
            continue
        if kind == "mark" and text in _CLOSING:
            depth = max(0, depth - 1)
        if depth == 0:
            yield _Token(kind, text, match.start(), match.end())
        if kind == "mark" and text in _OPENING:
            depth += 1


def parse(sql: bytes) -> Statement | Insert:
    """Tell a plain statement from an INSERT with data behind it. Raises SeveralStatements."""
    tokens = _tokens(sql)
    first = next(tokens, None)
    if first is not None and first.kind == "word" and first.text.upper() == b"INSERT":
        insert = _insert(sql, tokens)
        if insert is not None:
            return insert
        tokens = _tokens(sql)
        next(tokens)
    output_format: str | None = None
    previous: _Token | None = first
    for token in tokens:
        if token.text == b";" and token.kind == "mark":
            if next(tokens, None) is not None:
                raise SeveralStatements("Multi-statements are not allowed: send one statement a request")
            return Statement(sql[: token.start], output_format)
        if previous is not None and previous.kind == "word" and previous.text.upper() == b"FORMAT":
            output_format = token.text.decode("ascii", "replace") if token.kind == "word" else output_format
        previous = token
    return Statement(sql, output_format)


def _insert(sql: bytes, tokens: Iterator[_Token]) -> Insert | None:
    """The parts of ``INSERT INTO t [SETTINGS ...] FORMAT name | VALUES data``; None for SELECT and INFILE."""
    settings: int | None = None
    before = b"INSERT"
    for token in tokens:
        word = token.text.upper() if token.kind == "word" else b""
        is_name = before in (b"INTO", b"TABLE", b"FUNCTION", b".")  # a table may be called anything
        before = word or token.text
        if is_name:
            continue
        if word in (b"SELECT", b"WITH", b"FROM", b"WATCH"):
            return None
        if word == b"SETTINGS" and settings is None:
            settings = token.start
        if word == b"VALUES":
            split = token.start if settings is None else settings
            tail = sql[split : token.start] + b"FORMAT Values"
            return Insert(sql[:split], tail, sql[token.end :])
        if word == b"FORMAT" and (name := next(tokens, None)) is not None and name.kind == "word":
            split = token.start if settings is None else settings
            return Insert(sql[:split], sql[split : name.end], _after_newline(sql, name.end))
    return None


def _after_newline(sql: bytes, position: int) -> bytes:
    """The data behind a format's name: what follows one line end, which may have blanks before it."""
    blanks = re.compile(rb"[ \t\f]*(?:\r?\n)?").match(sql, position)
    return sql[blanks.end() if blanks else position :]


def quoted(text: str) -> bytes:
    """A string literal. Octets that came as surrogates (PEP 383) leave as they came."""
    return b"'" + text.replace("\\", "\\\\").replace("'", "\\'").encode("utf-8", "surrogateescape") + b"'"


_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def is_identifier(name: str) -> bool:
    """Whether a name can stand in a statement without quotes, as settings and parameters must."""
    return _IDENTIFIER.match(name) is not None


def quoted_identifier(name: str) -> bytes:
    """A name in back quotes."""
    return b"`" + name.replace("\\", "\\\\").replace("`", "\\`").encode("utf-8", "surrogateescape") + b"`"
