"""The labelled corpus: the same for the same seed, large and varied enough, with labels that say the truth."""

from __future__ import annotations

from collections import Counter

from benchmarks.corpus.item import Item, Label
from benchmarks.corpus.run import corpus, judge
from projections.screening import Screener, compile_rules
from tests.unit.schemas.screening.sample import rule


def test_the_corpus_is_what_its_seed_says() -> None:
    assert corpus(7) == corpus(7)
    assert corpus(7) != corpus(8)


def test_the_corpus_is_large_and_varied() -> None:
    items = corpus()
    sizes = Counter(item.group for item in items)
    assert len(items) >= 2_000
    assert all(sizes[group] >= 150 for group in ("secrets", "pii", "injection", "jailbreak", "clean"))
    assert len({item.text for item in items}) >= 0.9 * len(items)
    assert len({(item.group, item.kind) for item in items}) >= 100


def test_labels_lie_in_their_texts_and_every_secret_has_one() -> None:
    for item in corpus():
        assert "<<" not in item.text or "<<<" in item.text or item.group == "clean", item.text
        assert all(0 <= label.start < label.end <= len(item.text) for label in item.labels)
        assert any(label.kind == item.group for label in item.labels) == (item.group in ("secrets", "pii")), item.text


def test_the_judge_counts_what_is_found_missed_and_beside() -> None:
    screener = Screener(compile_rules([rule(id="secret.token", category="secret")]))
    items = [
        Item("secrets", "found", "a tok-1234 b", (Label("secrets", 2, 10),)),
        Item("secrets", "missed", "a nothing b", (Label("secrets", 2, 9),)),
        Item("clean", "beside", "a tok-1234 b"),
    ]
    scores, weaknesses = judge(items, screener)
    secrets = next(score for score in scores if score.group == "secrets")
    assert (secrets.recall, secrets.precision, secrets.false_positives) == (0.5, 0.5, 1)
    assert [(one.kind, one.what) for one in weaknesses] == [("beside", "false secret.token"), ("missed", "missed")]
