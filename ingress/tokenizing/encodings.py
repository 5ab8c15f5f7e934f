"""OpenAI's public vocabularies, counted with in pieces that leave the loop free. No format of chats is known here.

The vocabularies are inside the package `bpe-openai` (GitHub's encoder, bound for Python by Pathlit), so nothing is
downloaded. Its counts are those of tiktoken, and take time that grows with the text and no faster: 20 µs for a kilobyte
of prose, 1 ms at worst.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator
from importlib.machinery import ExtensionFileLoader
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Protocol

import msgspec

NAMES = {"o200k": "o200k_base", "cl100k": "cl100k_base"}
"""The package's name of the encoding of each family in `schemas.tokens` that has a public one."""
PIECE = 16_384
"""Characters that are counted in one go: 0.3 ms of prose, 16 ms of what is hardest."""
MOST = 4 << 20
"""Characters of one request that are counted; nobody waits for more."""
CUT = 8
"""Tokens that a cut in the middle of a word makes more or fewer, at most, in all that was tried."""

_SEAM = re.compile(r"(?s:.*)(?:\S(?=[ \t])|\n(?=\w))")
"""Up to the last place where both encodings begin a new word, whatever comes before and after."""


class Encoder(Protocol):
    """One vocabulary."""

    def count(self, text: str) -> int:
        """Raises UnicodeEncodeError for halves of characters."""


class Tokens(msgspec.Struct, frozen=True):
    """How many there are in some texts."""

    tokens: int
    cuts: int = 0
    """How often words had to be cut."""
    rest: str = ""
    """What nobody waited for."""


class Encodings:
    """Loads each encoding when it is first wanted: 45 ms once, and 12 (cl100k) or 20 MB (o200k) of memory."""

    def __init__(self, find: Callable[[], Callable[[str], Encoder] | None] | None = None) -> None:
        """
        Args:
            find: finds what makes encoders by their names; None where there is no such thing.
        """
        self._find = find or _find
        self._encoders: dict[str, Encoder | None] = {}
        self._alone = asyncio.Lock()

    async def of(self, family: str) -> Encoder | None:
        """The encoding of a family of tokenizers; None where it is not public, or not to be had on this platform."""
        if family not in NAMES:
            return None
        if family not in self._encoders:
            async with self._alone:
                if family not in self._encoders:
                    self._encoders[family] = await asyncio.to_thread(self._load, NAMES[family])
        return self._encoders[family]

    def _load(self, name: str) -> Encoder | None:
        make = self._find()
        return None if make is None else make(name)


def _find() -> Callable[[str], Encoder] | None:
    """The package's compiled half alone: its Python half reads every vocabulary once more, into 70 MB."""
    package = find_spec("bpe_openai")
    if package is None or package.origin is None:
        return None
    found = next(iter(sorted(Path(package.origin).parent.glob("_bindings*.so"))), None)
    if found is None:
        return None
    spec = spec_from_file_location("bpe_openai._bindings", found, loader=ExtensionFileLoader("_bindings", str(found)))
    if spec is None or spec.loader is None:
        return None
    try:
        module: Any = module_from_spec(spec)
        spec.loader.exec_module(module)
    except ImportError:
        return None
    make: Callable[[str], Encoder] = module.tokenizer_for_encoding
    return make


async def count(encoder: Encoder, texts: Iterable[str]) -> Tokens:
    """Counts texts, each as if it were alone; others have their turn between pieces."""
    tokens = cuts = seen = since = 0
    rest: list[str] = []
    for text in texts:
        for piece, whole in pieces(text[: max(0, MOST - seen)]):
            tokens += count_piece(encoder, piece)
            cuts += not whole
            since += len(piece)
            if since >= PIECE // 2:
                since = 0
                await asyncio.sleep(0)
        if len(text) > MOST - seen:
            rest.append(text[max(0, MOST - seen) :])
        seen += len(text)
    return Tokens(tokens, cuts, "".join(rest))


def count_piece(encoder: Encoder, piece: str) -> int:
    """Halves of characters are counted as the sign that stands for them."""
    try:
        return encoder.count(piece)
    except UnicodeEncodeError:
        return encoder.count(piece.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """A text in parts of at most `PIECE` characters, and of each whether it ends where a word does.

    The counts of parts that do add up to the count of the whole.
    """
    start = 0
    while len(text) - start > PIECE:
        # one character more, so that what follows the last place can be seen
        seam = _SEAM.match(text, start, start + PIECE + 1)
        end = seam.end() if seam is not None else start + PIECE
        yield text[start:end], seam is not None
        start = end
    if start < len(text):
        yield text[start:], True
