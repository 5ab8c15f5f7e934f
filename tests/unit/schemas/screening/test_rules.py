"""What is refused of a rule as data, and what makes the version of a set."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.screening.model import TOO_MANY_HITS
from schemas.screening.rules import duplicates, example, problems, version
from tests.unit.schemas.screening.sample import rule, weights


def test_a_whole_rule_has_no_problems() -> None:
    assert problems(rule()) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": "token"}, "id must be"),
        ({"id": "other.token"}, "id must be"),
        ({"id": "test.Token"}, "id must be"),
        ({"id": TOO_MANY_HITS, "category": "nexus"}, "Nexus's own"),
        ({"title": ""}, "title and source"),
        ({"source": ""}, "title and source"),
        ({"severity": "fatal"}, "severity must be"),
        ({"action": "approve"}, "action must be"),
        ({"action": "delete"}, "action must be"),
        ({"directions": ()}, "directions must be"),
        ({"directions": ("sideways",)}, "directions must be"),
        ({"flags": "caseless verbose"}, "verbose do not exist"),
        ({"patterns": ()}, "at least one pattern"),
        ({"patterns": ("a+",)}, "no upper bound"),
        ({"boundary": "z-a"}, "boundary is not"),
        ({"boundary": "a]|[b"}, "boundary is not"),
        ({"extend_left": "a\\"}, "extend_left is not"),
        ({"boundary": r"\W"}, "must not contain NUL"),
        ({"boundary": "é"}, "not ASCII"),
        ({"extend_right": "a-z"}, "go together"),
        ({"extend_limit": 5}, "go together"),
        ({"extend_right": "a-z", "extend_limit": 100_000}, "go together"),
        ({"extend_right": "z-a", "extend_limit": 1}, "extend_right is not"),
        ({"extend_until": "x"}, "needs extend_right"),
        ({"validator": "magic"}, "'magic' does not exist"),
        ({"validator": "entropy:much"}, "does not exist"),
        ({"keyword_window": 0}, "keyword_window"),
        ({"keyword_window": 5_000}, "keyword_window"),
        ({"keywords": ("Word",)}, "keyword 'Word'"),
        ({"keywords": ("*",)}, "keyword '*'"),
        ({"keywords": ("a*b",)}, "keyword 'a*b'"),
        ({"keywords": ("ключ",)}, "lower-case ASCII"),
        ({"also": ("near",)}, "also needs keywords"),
        ({"keywords": ("near",), "also": ("Far",)}, "keyword 'Far'"),
        ({"trigger": "keywords"}, "trigger must be"),
        ({"trigger": "luck"}, "trigger must be"),
        ({"trigger": "heads"}, "with the flag words"),
        ({"trigger": "heads", "flags": "words", "extend_right": "a-z", "extend_limit": 5}, "without growth"),
        ({"trigger": "heads", "flags": "words", "patterns": ("(?:so )? it",)}, "can match nothing"),
        ({"likelihood": "nothing"}, "'nothing' has no weights"),
        ({"score": 1_000}, "score needs likelihood"),
        ({"weights": weights({"word": 1}, threshold=1)}, "likelihood '' has no weights"),
        ({"hits": ("tok-1234",)}, "at least 3 hits"),
        ({"misses": ()}, "at least 3 hits"),
    ],
)
def test_each_problem_is_named(changes: dict[str, Any], reason: str) -> None:
    assert any(reason in problem for problem in problems(rule(**changes)))


def test_all_problems_are_listed_together() -> None:
    assert len(problems(rule(title="", severity="", action="", patterns=()))) == 4


def test_the_version_depends_on_the_data_and_not_on_the_order() -> None:
    one, two = rule(), rule(id="test.other")
    assert version([one, two]) == version([two, one])
    assert version([one, two]) != version([one])
    assert version([one]) != version([rule(action="redact")])
    assert len(version([one])) == 32


def test_examples_may_mark_their_span() -> None:
    assert example("plain") == ("plain", None)
    assert example("a «bc» d") == ("a bc d", (2, 4))


def test_repeated_ids_are_found() -> None:
    assert duplicates([rule(), rule(id="test.other"), rule()]) == ["test.token"]
