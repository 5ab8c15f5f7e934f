"""What weights are worth: the share of each set's texts that reach the threshold. No learning here, no files."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from benchmarks.corpus import attacks, clean, wordings
from benchmarks.corpus.run import SEED
from benchmarks.likelihood.texts import Text
from schemas.screening.likelihood import Likelihood
from schemas.screening.normalise import fold


class Rate(msgspec.Struct):
    """How many texts of a set are taken for attacks."""

    set: str
    """`<source>/<label>`."""
    attack: bool
    texts: int = 0
    taken: int = 0
    """By the weights alone."""
    screened: int = 0
    """By all rules together, when they were asked."""

    @property
    def share(self) -> float:
        return round(self.taken / max(1, self.texts), 4)


def corpus() -> list[Text]:
    """The attacks and the innocent texts of `benchmarks.corpus`: nothing is learned from them."""
    items = [*attacks.items(SEED + 2), *clean.items(SEED + 3), *wordings.items()]
    return [
        Text(
            item.text,
            "near-miss" if (item.group, item.kind) == ("clean", "wordings") else item.group,
            "corpus-wordings" if item.kind == "wordings" else f"corpus-{_language(item.kind, item.group)}",
            "own",
        )
        for item in items
    ]


def judged(
    weights: Likelihood, texts: Iterable[Text], screened: Callable[[str], bool] | None = None
) -> dict[str, Rate]:
    """By set, in order. Texts are normalised before, as screening does it."""
    found: dict[str, Rate] = {}
    for text in texts:
        name = f"{text.source}/{text.label}"
        rate = found.setdefault(name, Rate(name, text.attack))
        rate.texts += 1
        rate.taken += weights.likely(fold(text.text))
        rate.screened += screened is not None and screened(text.text)
    return dict(sorted(found.items()))


def _language(kind: str, group: str) -> str:
    return "english" if group == "clean" or kind.startswith("english") else "others"
