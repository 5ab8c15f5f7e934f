"""Learns weights from sets of texts and says what they are worth. Run: `python -m benchmarks likelihood train|evaluate`."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

import msgspec

import schemas
from benchmarks.likelihood.learning import Learner, Options, learned
from benchmarks.likelihood.texts import Text, apart, read, sample
from schemas.screening.likelihood import Likelihood, Source, decoded

PACKS = Path(schemas.__file__).parent / "packs" / "likelihood"
_SMALLEST = 40
"""Thousandths below which a weight says nothing."""


def load(name: str) -> Likelihood:
    """The weights that come with Nexus under this name."""
    return decoded((PACKS / f"{name}.json").read_bytes())


def model(name: str, about: str, learner: Learner, texts: list[Text], threshold: int) -> Likelihood:
    """What was learned, in whole numbers."""
    counts = Counter((text.source, text.licence) for text in texts)
    weights = {feature: round(1000 * weight) for feature, weight in sorted(learner.weights.items())}
    return Likelihood(
        name=name,
        about=about,
        learned_from=tuple(Source(source, licence, count) for (source, licence), count in sorted(counts.items())),
        seed=learner.options.seed,
        window=learner.options.window,
        bias=round(1000 * learner.bias),
        threshold=threshold,
        weights={feature: weight for feature, weight in weights.items() if abs(weight) >= _SMALLEST},
    )


def written(found: Likelihood) -> bytes:
    """The file of weights: one to a line, in order, so that a difference can be read."""
    return msgspec.json.format(msgspec.json.encode(found, order="sorted"), indent=1) + b"\n"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks likelihood", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="learn weights from sets of texts")
    train.add_argument("--data", type=Path, required=True, help="directory of sets: *.jsonl")
    train.add_argument("--name", default="attacks")
    train.add_argument("--most", type=int, default=2000, help="texts of one source and label")
    train.add_argument("--threshold", type=int, default=0, help="in thousandths")
    options = parser.parse_args(arguments)
    texts = sample(apart(read(options.data)), options.most, Options().seed)
    learner = learned(texts, Options())
    found = model(options.name, "Injections and jailbreaks against language models.", learner, texts, options.threshold)
    (PACKS / f"{options.name}.json").write_bytes(written(found))
    print(f"{len(texts)} texts, {len(found.weights)} weights")
    return 0


if __name__ == "__main__":
    sys.exit(main())
