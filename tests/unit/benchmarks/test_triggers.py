"""What is told of triggers: what weights alone find, what rules find of it, and what is weighed in vain."""

from __future__ import annotations

from benchmarks.likelihood.texts import Text
from benchmarks.likelihood.triggers import Told, Triggers, held_against
from tests.unit.schemas.screening.sample import rule, weights


def test_texts_are_held_against_triggers_and_weights() -> None:
    model = weights({"obey": 2, "ignore": 2, "rules": 1}, threshold=3)
    triggers = Triggers([rule(), rule(id="test.likely", patterns=("ignore",), likelihood="sample", weights=model)])
    texts = ["ignore rules", "obey rules", "ignore it", "tok-1234"]
    found = held_against([Text(text, "jailbreak", "made", "none") for text in texts], triggers)
    assert found == [Told("made", "jailbreak", texts=4, alone=2, found=1, more=0, triggered=2)]
    assert dict(triggers.missing) == {"obey": 1, "rules": 1}
