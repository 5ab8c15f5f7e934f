"""Says what the triggers of rules with weights let through: of texts that the weights alone would call attacks, how
many are weighed at all, and how many others are weighed in vain.

Run: `python -m benchmarks.likelihood.triggers --data DIR`.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from benchmarks.likelihood.texts import Text, read
from benchmarks.report import aligned
from projections.screening import Screener, compile_rules, load_builtin_rules
from projections.screening.engine import encoded
from schemas.screening.model import Rule
from schemas.screening.normalise import fold


class Told(msgspec.Struct):
    """What became of the texts of one source."""

    source: str
    label: str
    texts: int = 0
    alone: int = 0
    """The weights alone call them attacks."""
    found: int = 0
    """Of those, the rules hit."""
    more: int = 0
    """Of the others, the rules hit."""
    triggered: int = 0
    """A trigger is there, whatever the words around say."""


class Triggers:
    """Those of some rules that weigh, and nothing else."""

    def __init__(self, every: Sequence[Rule]) -> None:
        rules = [rule for rule in every if rule.weights is not None]
        self._screener = Screener(compile_rules(rules))
        self._weights = [
            msgspec.structs.replace(rule.weights, threshold=rule.score or rule.weights.threshold)
            for rule in rules
            if rule.weights is not None
        ]
        self.missing: Counter[str] = Counter()
        """Words that tell something in texts that no trigger is in, by how many texts have them."""

    def add(self, told: Told, text: str) -> None:
        alone = any(weights.likely(fold(text)) for weights in self._weights)
        found = bool(self._screener.screen([text], "request").hits)
        told.texts += 1
        told.alone += alone
        told.found += alone and found
        told.more += found and not alone
        told.triggered += bool(self._screener.engine.detect(encoded(text)))
        if alone and not found:
            words = {word for weights in self._weights for word, weight in weights.reasons(text, 30) if weight > 0}
            self.missing.update(words)


def held_against(texts: Iterable[Text], triggers: Triggers) -> list[Told]:
    """Every text once; a row for each source and label."""
    rows: dict[tuple[str, str], Told] = {}
    for text in texts:
        key = (text.source, text.label)
        triggers.add(rows.setdefault(key, Told(*key)), text.text)
    return sorted(rows.values(), key=lambda told: (told.label, told.source))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.likelihood.triggers", description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="directories of sets: *.jsonl")
    parser.add_argument("--most", type=int, default=500, help="texts of one source and label")
    parser.add_argument("--missing", type=int, default=20, help="how many words to name that would trigger more")
    options = parser.parse_args(arguments)
    triggers = Triggers(load_builtin_rules())
    kinds: Counter[tuple[str, str]] = Counter()
    some: list[Text] = []
    for text in (text for directory in options.data for text in read(directory)):
        kinds[text.source, text.label] += 1
        if kinds[text.source, text.label] <= options.most:
            some.append(text)
    found = held_against(some, triggers)
    rows: list[tuple[str, ...]] = [("source", "label", "texts", "weights alone", "of them found", "more", "triggered")]
    rows += [(told.source, told.label, *map(str, msgspec.structs.astuple(told)[2:])) for told in found]
    print(aligned(rows, right={2, 3, 4, 5, 6}))
    alone, caught = sum(told.alone for told in found), sum(told.found for told in found)
    print(f"\n{caught} of {alone} that the weights alone call attacks are found: {caught / max(1, alone):.4f}")
    print(
        "would trigger more: "
        + ", ".join(f"{word} {count}" for word, count in triggers.missing.most_common(options.missing))
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
