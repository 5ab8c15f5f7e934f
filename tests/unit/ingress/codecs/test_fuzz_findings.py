"""Inputs that once broke a codec break none any more. `python -m benchmarks fuzz` adds to them."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path

import pytest

from benchmarks.fuzz.campaign import KEPT, Failure, campaign, keep, smaller
from benchmarks.fuzz.mutations import Mutator
from benchmarks.fuzz.seeds import fallback, seeds
from benchmarks.fuzz.targets import NAMED, targets
from ingress.codecs.registry import CHAT, ONE_SHOT

FOUND = sorted(KEPT.glob("*.json"))


@pytest.mark.parametrize("path", FOUND, ids=[path.stem for path in FOUND])
def test_what_was_found_is_mended(path: Path) -> None:
    told = json.loads(path.read_text())
    run = targets()[told["codec"], told["surface"]]
    try:
        run(base64.b64decode(told["raw"]), tuple(told["cuts"]))
    except NAMED as error:
        assert str(error)


def test_every_codec_has_inputs_of_its_own() -> None:
    found, words = seeds()
    assert {codec for codec, _ in targets()} == {*CHAT, *ONE_SHOT}
    own = {codec for codec, _ in found}
    assert own == {*CHAT, *ONE_SHOT} and "messages" in words
    assert all(fallback(found, codec, surface) for codec, surface in targets())


def test_seeds_themselves_break_nothing() -> None:
    found, _ = seeds()
    for (codec, surface), run in targets().items():
        for raw in found.get((codec, surface), ()):
            run(raw, ())
            run(raw, tuple(range(1, len(raw))))


def test_one_seed_makes_the_same_inputs() -> None:
    found, words = seeds()
    inputs = found["anthropic", "stream"]
    one, other = (Mutator(random.Random("s"), words) for _ in range(2))
    made = [(one.of(inputs), other.of(inputs)) for _ in range(200)]
    assert all(left == right for left, right in made)
    assert len({left for left, _ in made}) > 150


def test_a_defect_is_found_made_small_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(raw: bytes, cuts: tuple[int, ...]) -> int:
        if b"!" in raw:
            raise KeyError("x")
        return 0

    monkeypatch.setattr("benchmarks.fuzz.campaign.targets", lambda: {("openai_chat", "error"): broken})
    failure = smaller(broken, Failure("openai_chat", "error", b"abc!def" * 9, (1, 2), "KeyError: 'x'"))
    assert (failure.raw, failure.cuts) == (b"!", ())
    told = json.loads(keep(failure, tmp_path).read_text())
    assert base64.b64decode(told["raw"]) == b"!"
    report = campaign(["openai_chat"], 0.2, "s", tmp_path)
    assert report.rows[0].inputs and report.rows[0].failures == len(report.failures)
    assert report.held == (not report.failures)
