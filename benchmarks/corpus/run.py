"""Recall, precision and false positives over the corpus, by category. Run: `python -m benchmarks corpus`."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator

import msgspec

from benchmarks.corpus import attacks, clean, pii, secrets, wordings
from benchmarks.corpus.item import Item
from projections.screening import Screener, compile_rules, load_builtin_rules
from schemas.screening.model import Hit

SEED = 20_251
FOUND_BY = {
    "secrets": frozenset({"secret", "private-key"}),
    "pii": frozenset(
        {"bank-account", "crypto", "device", "driving-licence", "email", "health-id", "national-id", "passport"}
        | {"payment-card", "person", "phone", "vehicle"}
    ),
    "injection": frozenset({"prompt-injection", "jailbreak"}),
    "jailbreak": frozenset({"prompt-injection", "jailbreak"}),
}
"""The categories of rules that find a group's items. Injections and jailbreaks shade into each other."""
TARGETS = {
    "secrets": "recall >= 0.95, precision >= 0.97",
    "pii": "recall >= 0.92, precision >= 0.95",
    "injection": "recall >= 0.75",
    "jailbreak": "recall >= 0.75",
    "clean": "<= 0.01 of the texts taken for an attack",
}


class Score(msgspec.Struct):
    """What was found in a group."""

    group: str
    items: int
    recall: float | None
    precision: float | None
    false_positives: int
    """Secrets and PII: hits beside every label of theirs, in any text. Attacks: clean texts that are taken for one."""
    target: str


class Weakness(msgspec.Struct):
    """What a group's rules miss, or take for theirs."""

    group: str
    kind: str
    what: str
    count: int
    of: int
    example: str


def corpus(seed: int = SEED) -> list[Item]:
    """All items; the same for the same seed."""
    return [
        *secrets.items(seed),
        *pii.items(seed + 1),
        *attacks.items(seed + 2),
        *clean.items(seed + 3),
        *wordings.items(),
    ]


def judge(items: list[Item], screener: Screener) -> tuple[list[Score], list[Weakness]]:
    """The scores of all groups, and what lies behind them."""
    category = {rule.id: rule.category for rule in screener.pack.rules}
    hits = [screener.screen([item.text], "request").hits for item in items]
    weak: dict[tuple[str, str, str], Weakness] = {}
    kinds = Counter((item.group, item.kind) for item in items)

    def note(item: Item, group: str, what: str) -> None:
        key = (group, item.kind, what)
        if key not in weak:
            weak[key] = Weakness(group, item.kind, what, 0, kinds[item.group, item.kind], item.text[:160])
        weak[key].count += 1

    scores = []
    for group in ("secrets", "pii"):
        right = wrong = missed = 0
        for item, found in zip(items, hits, strict=True):
            mine = [hit for hit in found if category[hit.rule] in FOUND_BY[group]]
            labels = [label for label in item.labels if label.kind == group]
            unseen = [label for label in labels if not any(_meets(hit, label.start, label.end) for hit in mine)]
            right_places = [label for label in item.labels if label.kind in (group, "either")]
            beside = [hit for hit in mine if not any(_meets(hit, label.start, label.end) for label in right_places)]
            right += len(labels) - len(unseen)
            missed += len(unseen)
            wrong += len(beside)
            for _ in unseen:
                note(item, group, "missed")
            for hit in beside:
                note(item, group, f"false {hit.rule}")
        count = sum(item.group == group for item in items)
        scores.append(Score(group, count, *_rates(right, missed, wrong), wrong, TARGETS[group]))
    mistaken = 0
    for item, found in zip(items, hits, strict=True):
        taken = [hit for hit in found if category[hit.rule] in FOUND_BY["injection"]]
        if item.group == "clean" and taken:
            mistaken += 1
            note(item, "clean", f"false {taken[0].rule}")
        if item.group in ("injection", "jailbreak") and not taken:
            note(item, item.group, "missed")
    for group in ("injection", "jailbreak"):
        count = sum(item.group == group for item in items)
        missed = sum(one.count for one in weak.values() if one.group == group)
        scores.append(Score(group, count, *_rates(count - missed, missed, mistaken), mistaken, TARGETS[group]))
    innocent = sum(item.group == "clean" for item in items)
    scores.append(Score("clean", innocent, None, None, mistaken, TARGETS["clean"]))
    return scores, sorted(weak.values(), key=lambda one: (one.group, -one.count, one.kind))


def _meets(hit: Hit, start: int, end: int) -> bool:
    return hit.start < end and start < hit.end


def _rates(right: int, missed: int, wrong: int) -> tuple[float, float]:
    return round(right / max(1, right + missed), 4), round(right / max(1, right + wrong), 4)


def _lines(scores: list[Score], weaknesses: list[Weakness], most: int) -> Iterator[str]:
    yield f"{'group':12} {'items':>6} {'recall':>8} {'precision':>10} {'false':>6}  target"
    for one in scores:
        rates = [f"{rate:.4f}" if rate is not None else "-" for rate in (one.recall, one.precision)]
        yield f"{one.group:12} {one.items:6} {rates[0]:>8} {rates[1]:>10} {one.false_positives:6}  {one.target}"
    yield ""
    for weak in weaknesses[:most]:
        counts = f"{weak.count:4} of {weak.of:3}"
        yield f"{weak.group:10} {weak.kind:56} {weak.what:36} {counts}  {weak.example!r}"


def main(arguments: list[str] | None = None) -> int:
    """Print the table, as text or as JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks corpus", description="Judge the rules by a labelled corpus.")
    parser.add_argument("--output", choices=("table", "json"), default="table")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--weaknesses", type=int, default=40, help="how many kinds of mistakes to print")
    options = parser.parse_args(arguments)
    items = corpus(options.seed)
    scores, weaknesses = judge(items, Screener(compile_rules(load_builtin_rules())))
    if options.output == "json":
        print(json.dumps(msgspec.to_builtins({"items": len(items), "scores": scores, "weaknesses": weaknesses})))
    else:
        print("\n".join(_lines(scores, weaknesses, options.weaknesses)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
