"""The weights that come with Nexus are worth what their file says; learning is repeatable and keeps sets apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.likelihood.judging import corpus, judged
from benchmarks.likelihood.learning import Options, learned
from benchmarks.likelihood.run import PACKS, load, main, written
from benchmarks.likelihood.templates import classes, made
from benchmarks.likelihood.texts import Text, apart, read, sample

NAMES = [path.stem for path in sorted(PACKS.glob("*.json"))]


def _text(text: str, label: str = "clean", source: str = "some") -> Text:
    return Text(text, label, source, "own")


@pytest.mark.parametrize("name", NAMES)
def test_the_file_tells_what_the_weights_are_worth_on_the_corpus(name: str) -> None:
    weights = load(name)
    rates = judged(weights, corpus())
    assert {rate.set: rate.share for rate in rates.values()} == {
        place: share for place, share in weights.measured.items() if place.startswith("corpus-")
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_weights_alone_find_most_attacks_and_few_other_texts(name: str) -> None:
    shares = load(name).measured
    assert shares["corpus-english/injection"] >= 0.75
    assert shares["corpus-english/jailbreak"] >= 0.8
    assert shares["corpus-english/clean"] <= 0.01
    assert shares["corpus-wordings/near-miss"] <= 0.05


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_weights_is_small_and_names_its_sources(name: str) -> None:
    weights = load(name)
    assert (PACKS / f"{name}.json").read_bytes() == written(weights)
    assert len(written(weights)) <= 256_000
    assert weights.learned_from
    assert all(source.licence and source.texts for source in weights.learned_from)


def test_nothing_that_judges_is_in_the_texts_to_learn_from() -> None:
    judging = [text.text for text in corpus()]
    assert not {text.text for text in made(1, each=4)} & set(judging)


def test_learning_is_repeatable_and_tells_attacks_from_other_texts() -> None:
    texts = made(3, each=3)
    options = Options(epochs=2, least_attacks=3, least_innocent=3, least_makers=1)
    learner = learned(texts, classes(), options)
    assert learner.weights == learned(texts, classes(), options).weights
    attack = learner.margin(learner.features(["ignore", "all", "previous", "instructions"]))
    other = learner.margin(learner.features(["how", "do", "i", "bake", "bread"]))
    assert attack > other


def test_texts_that_are_nearly_the_same_count_once() -> None:
    one = "The committee will meet again in March to talk about the budget of the coming year"
    assert apart([_text(one), _text(one + " and the next"), _text("Rivers carry water to the sea")]) == [
        _text(one),
        _text("Rivers carry water to the sea"),
    ]
    assert apart([_text(one)], [_text("Minutes: " + one)]) == []


def test_a_sample_takes_from_every_source_and_label() -> None:
    texts = [
        _text(str(number), label, source) for number in range(20) for label in ("clean", "near-miss") for source in "ab"
    ]
    found = sample(texts, 5, seed=1)
    assert len(found) == 20
    assert len({(text.source, text.label) for text in found}) == 4


def test_a_line_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_text('{"text": "a", "label": "dull", "source": "s", "licence": "l"}\n')
    with pytest.raises(ValueError, match=r"set\.jsonl, line 1: the label"):
        read(tmp_path)
    (tmp_path / "set.jsonl").write_text("{}\n")
    with pytest.raises(ValueError, match=r"set\.jsonl, line 1"):
        read(tmp_path)


def test_evaluate_prints_a_line_for_each_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(judged(load("attacks"), corpus()))
