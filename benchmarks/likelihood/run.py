"""Learns weights from sets of texts, and says what they are worth.

Run: `python -m benchmarks likelihood train|evaluate|explain`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

import schemas
from benchmarks.corpus.run import FOUND_BY
from benchmarks.likelihood.judging import Rate, corpus, judged
from benchmarks.likelihood.learning import Learner, Options, learned
from benchmarks.likelihood.templates import classes, made
from benchmarks.likelihood.texts import Text, apart, read, sample
from benchmarks.report import aligned
from projections.screening import Screener, compile_rules, load_builtin_rules
from schemas.screening.likelihood import Likelihood, Source, decoded, tokens

PACKS = Path(schemas.__file__).parent / "packs" / "likelihood"
_SMALLEST = 120
"""Thousandths below which a weight says nothing."""
_ABOUT = (
    "How much a text reads like an order to a model to drop its instructions or its restrictions: words, classes of "
    "words and pairs of either, learned by `python -m benchmarks likelihood train`; measured on texts that nothing was "
    "learned from."
)


def load(name: str) -> Likelihood:
    """The weights that come with Nexus under this name."""
    return decoded((PACKS / f"{name}.json").read_bytes())


def model(name: str, learner: Learner, texts: list[Text], threshold: int) -> Likelihood:
    """What was learned, in whole numbers."""
    counts = Counter((text.source, text.licence) for text in texts)
    names = set(learner.classes.values())
    weights = {
        feature: round(1000 * weight)
        for feature, weight in sorted(learner.weights.items())
        # What is not read again as what it was (capitals of Turkish, for one) would never be found.
        if names.issuperset(feature.split(" ")) or tokens(feature) == feature.split(" ")
    }
    return Likelihood(
        name=name,
        about=_ABOUT,
        learned_from=tuple(Source(source, licence, count) for (source, licence), count in sorted(counts.items())),
        seed=learner.options.seed,
        window=learner.options.window,
        bias=round(1000 * learner.bias),
        threshold=threshold,
        reach=learner.options.reach,
        classes=dict(learner.classes),
        weights={feature: weight for feature, weight in weights.items() if abs(weight) >= _SMALLEST},
    )


def written(found: Likelihood) -> bytes:
    """The file of weights: one to a line, in order, so that a difference can be read."""
    return msgspec.json.format(msgspec.json.encode(found, order="sorted"), indent=1) + b"\n"


def main(arguments: list[str] | None = None) -> int:
    """Train, evaluate or explain; the answer is the process's exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks likelihood", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="learn weights from sets of texts and from templates of our own")
    train.add_argument("--data", type=Path, required=True, help="directory of sets to learn from: *.jsonl")
    train.add_argument("--held", type=Path, help="directory of sets to measure by; texts like theirs are not learned")
    train.add_argument("--most", type=int, default=600, help="innocent texts of one source")
    train.add_argument("--threshold", type=int, default=0, help="in thousandths")
    train.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help=f"any of {Options()}")
    evaluate = commands.add_parser("evaluate", help="say what share of each set reaches the threshold")
    evaluate.add_argument("--data", type=Path, help="directory of sets, beside the corpus")
    evaluate.add_argument("--rules", action="store_true", help="ask all rules as well")
    evaluate.add_argument("--threshold", type=int, help="another one than the file says")
    evaluate.add_argument("--output", choices=("table", "json"), default="table")
    measure = commands.add_parser("measure", help="write another threshold into the file, and what it is worth")
    measure.add_argument("--held", type=Path, help="directory of sets to measure by")
    measure.add_argument("--learned", type=Path, help="directory of sets that were learned from: texts like theirs go")
    measure.add_argument("--threshold", type=int, required=True)
    explain = commands.add_parser("explain", help="say which words of a text count, read from standard input")
    for command in (train, evaluate, measure, explain):
        command.add_argument("--name", default="attacks")
    options = parser.parse_args(arguments)
    if options.command == "train":
        return _train(options)
    if options.command == "evaluate":
        return _evaluate(options)
    if options.command == "measure":
        weights = msgspec.structs.replace(load(options.name), threshold=options.threshold)
        _save(weights, options.held, read(options.learned) if options.learned else [])
        return 0
    weights, text = load(options.name), sys.stdin.read()
    print(f"{weights.best(text)}, threshold {weights.threshold}")
    print(
        aligned(
            [("feature", "weight"), *((feature, str(weight)) for feature, weight in weights.reasons(text, 40))], {1}
        )
    )
    return 0


def _train(options: argparse.Namespace) -> int:
    found = read(options.data)
    texts = apart([text for text in found if text.attack])
    texts += sample(apart(text for text in found if not text.attack), options.most, Options().seed)
    how = msgspec.convert(dict(one.split("=", 1) for one in options.set), Options, strict=False)
    texts += made(how.seed, how.each)
    learner = learned(texts, classes(), how)
    weights = model(options.name, learner, texts, options.threshold)
    print(f"{len(texts)} texts, {len(weights.weights)} weights")
    _save(weights, options.held, texts)
    return 0


def _save(weights: Likelihood, held: Path | None, texts: list[Text]) -> None:
    """Writes the file, with what the weights are worth on the corpus and on the sets that were held out."""
    rates = judged(weights, [*corpus(), *_unlike(read(held) if held else [], texts)])
    weights = msgspec.structs.replace(weights, measured={name: rate.share for name, rate in rates.items()})
    (PACKS / f"{weights.name}.json").write_bytes(written(weights))
    print(_table(rates.values(), False))


def _unlike(held: list[Text], texts: list[Text]) -> list[Text]:
    """Held-out texts that are not nearly the same as one that was learned from."""
    return [
        text
        for attack in (True, False)
        for text in apart((one for one in held if one.attack == attack), (one for one in texts if one.attack == attack))
    ]


def _evaluate(options: argparse.Namespace) -> int:
    weights = load(options.name)
    if options.threshold is not None:
        weights = msgspec.structs.replace(weights, threshold=options.threshold)
    texts = [*corpus(), *(read(options.data) if options.data else [])]
    rates = judged(weights, texts, _screening() if options.rules else None)
    if options.output == "json":
        print(json.dumps(msgspec.to_builtins(list(rates.values()))))
    else:
        print(_table(rates.values(), options.rules))
    return 0


def _screening() -> Callable[[str], bool]:
    screener = Screener(compile_rules(load_builtin_rules()))
    attacks = {rule.id for rule in screener.pack.rules if rule.category in FOUND_BY["injection"]}
    return lambda text: any(hit.rule in attacks for hit in screener.screen([text], "request").hits)


def _table(rates: Iterable[Rate], screened: bool) -> str:
    rows = [("set", "attacks", "texts", "weights", *(("rules",) if screened else ()))]
    for rate in rates:
        shares = (rate.taken, rate.screened) if screened else (rate.taken,)
        rows.append(
            (
                rate.set,
                "yes" if rate.attack else "no",
                str(rate.texts),
                *(f"{share / rate.texts:.3f}" for share in shares),
            )
        )
    return aligned(rows, {2, 3, 4})


if __name__ == "__main__":
    sys.exit(main())
