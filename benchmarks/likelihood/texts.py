"""Sets of labelled texts: reads them, takes near-identical ones out, says what is held out. No learning here."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import msgspec

from schemas.screening.likelihood import tokens

ATTACKS = ("injection", "jailbreak")
LABELS = (*ATTACKS, "clean", "near-miss")
_SHINGLE = 6
"""Words in a row by which texts are compared."""
_MOST_SHARED = 0.5
"""Texts that share more of their shingles than this are one and the same for us."""


class Text(msgspec.Struct, frozen=True):
    """One text. Sets are files of one such object to a line."""

    text: str
    label: str
    source: str
    licence: str

    @property
    def attack(self) -> bool:
        return self.label in ATTACKS


def read(directory: Path) -> list[Text]:
    """All texts of the sets (`*.jsonl`) in a directory. ValueError names the line that is none."""
    found: list[Text] = []
    for path in sorted(directory.glob("*.jsonl")):
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            try:
                text = msgspec.json.decode(line, type=Text)
            except msgspec.MsgspecError as error:
                raise ValueError(f"{path.name}, line {number}: {error}") from None
            if text.label not in LABELS:
                raise ValueError(f"{path.name}, line {number}: the label is none of {', '.join(LABELS)}")
            found.append(text)
    return found


def apart(texts: Iterable[Text], others: Iterable[Text] = ()) -> list[Text]:
    """The texts without those that are nearly the same as one before, or as one of the others."""
    known: set[int] = set()
    for other in others:
        known |= _shingles(other.text)
    kept: list[Text] = []
    for text in texts:
        mine = _shingles(text.text)
        if len(mine & known) <= _MOST_SHARED * len(mine):
            kept.append(text)
            known |= mine
    return kept


def _shingles(text: str) -> set[int]:
    words = tokens(text)
    return {hash(tuple(words[at : at + _SHINGLE])) for at in range(max(1, len(words) - _SHINGLE + 1))}


def sample(texts: list[Text], most: int, seed: int) -> list[Text]:
    """At most so many texts of every source and label."""
    rng = random.Random(seed)
    kinds: dict[tuple[str, str], list[Text]] = {}
    for text in texts:
        kinds.setdefault((text.source, text.label), []).append(text)
    return [text for group in kinds.values() for text in (group if len(group) <= most else rng.sample(group, most))]
