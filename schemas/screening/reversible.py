"""Redaction that is undone in the answer: tokens such as `[EMAIL_1]` for what was cut out, and back again. Pure.

The same original gets the same token throughout one request, so that a model can tell one person from another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from schemas.screening.model import Verdict
from schemas.screening.redaction import replaced, spans_of


class Tokens:
    """The tokens of one request and what they stand for. Lives as long as the request; on the log it is sealed."""

    def __init__(self, originals: Mapping[str, str]) -> None:
        """
        Args:
            originals: by token.
        """
        self.originals = dict(originals)
        self._pattern = re.compile("|".join(map(re.escape, self.originals)) or "(?!)")
        self._beginnings = {token[:end] for token in self.originals for end in range(1, len(token))}
        self._longest = max(map(len, self.originals), default=0)

    def restored(self, text: str, *, quoted: bool = False) -> str:
        """The text with every token replaced by what it stands for.

        Args:
            quoted: the text is JSON, and tokens are within its strings.
        """
        return self._pattern.sub(lambda match: self._original(match[0], quoted), text)

    def split(self, text: str) -> tuple[str, str]:
        """The text up to where a token may have begun that is still incomplete, and the rest, which has to wait."""
        for at in range(max(0, len(text) - self._longest + 1), len(text)):
            if text[at] == "[" and text[at:] in self._beginnings:
                return text[:at], text[at:]
        return text, ""

    def _original(self, token: str, quoted: bool) -> str:
        original = self.originals[token]
        return json.dumps(original, ensure_ascii=False)[1:-1] if quoted else original


class Restoring:
    """One text in pieces: any cut of it gives the same restored text."""

    def __init__(self, tokens: Tokens, *, quoted: bool) -> None:
        self._tokens = tokens
        self._quoted = quoted
        self._held = ""

    def push(self, piece: str) -> str:
        """What can be passed on; the beginning of a token waits for its end."""
        ready, self._held = self._tokens.split(self._held + piece)
        return self._tokens.restored(ready, quoted=self._quoted)

    def finish(self) -> str:
        """What waited for nothing."""
        held, self._held = self._held, ""
        return held


def tokenise(texts: Sequence[str], verdict: Verdict) -> tuple[list[str], Tokens]:
    """The texts with tokens where `redact` would put markers.

    Raises:
        IncompleteVerdict, BrokenJson: as `redact`.
    """
    cut = list(texts)
    originals: dict[str, str] = {}
    tokens: dict[tuple[str, str], str] = {}
    numbers: dict[str, int] = {}
    for index, spans in spans_of(texts, verdict).items():
        text = texts[index]
        instead: list[tuple[int, int, str]] = []
        for start, end, category in spans:
            original = text[start:end]
            token = tokens.get((category, original))
            if token is None:
                token = _unused(category, numbers, texts)
                tokens[category, original] = token
                originals[token] = original
            instead.append((start, end, token))
        cut[index] = replaced(text, instead)
    return cut, Tokens(originals)


def _unused(category: str, numbers: dict[str, int], texts: Sequence[str]) -> str:
    """The next token of a category that the caller has not written by hand: that one would be no secret's."""
    name = re.sub(r"[^A-Z0-9]+", "_", category.upper())
    while True:
        numbers[name] = numbers.get(name, 0) + 1
        token = f"[{name}_{numbers[name]}]"
        if not any(token in text for text in texts):
            return token
