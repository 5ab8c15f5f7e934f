"""Cutting hits out of texts: nothing that was hit stays, nothing else is touched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.screening.model import TOO_MANY_HITS, Hit, Verdict
from schemas.screening.redaction import BrokenJson, IncompleteVerdict, redact, replaced

MARK = "[REDACTED:secret]"


def _verdict(*hits: Hit, action: str = "redact", rule: str = "secret.x") -> Verdict:
    return Verdict(action=action, hits=hits, rule=rule, pack="v1")


def test_hits_are_replaced_by_their_category() -> None:
    verdict = _verdict(Hit("secret.x", "redact", 0, 2, 5), Hit("email.address", "redact", 1, 0, 3))
    assert redact(["a bcd e", "xyz", "left"], verdict) == [f"a {MARK} e", "[REDACTED:email]", "left"]


def test_overlapping_hits_are_cut_as_one_and_named_after_the_strictest() -> None:
    verdict = _verdict(
        Hit("email.address", "redact", 0, 0, 4), Hit("secret.x", "block", 0, 2, 6), Hit("a.b", "redact", 0, 3, 4)
    )
    assert redact(["abcdefgh"], verdict) == [f"{MARK}gh"]


def test_hits_that_touch_are_cut_one_by_one() -> None:
    verdict = _verdict(Hit("secret.x", "redact", 0, 0, 2), Hit("secret.x", "redact", 0, 2, 4))
    assert redact(["abcd"], verdict) == [MARK + MARK]


def test_flags_stay() -> None:
    assert redact(["abcd"], _verdict(Hit("email.address", "flag", 0, 0, 4), action="flag")) == ["abcd"]


@pytest.mark.parametrize(
    "verdict",
    [
        _verdict(rule=TOO_MANY_HITS, action="block"),
        _verdict(Hit("secret.x", "redact", 0, 2, 9)),
        _verdict(Hit("secret.x", "redact", 1, 0, 1)),
    ],
)
def test_an_incomplete_or_foreign_verdict_is_refused(verdict: Verdict) -> None:
    with pytest.raises(IncompleteVerdict):
        redact(["abcd"], verdict)


@pytest.mark.parametrize(
    ("text", "cut", "left"),
    [
        ('{"ssn": 536228412, "n": 1}', "536228412", '{"ssn": "#", "n": 1}'),
        ('{"ssn": -536228412.5e3}', "228", '{"ssn": "#"}'),
        ('{"note": "call 536228412", "ssn": 536228412}', "536228412", '{"note": "call #", "ssn": "#"}'),
        ('{"note": "a \\"536228412\\" b"}', "536228412", '{"note": "a \\"#\\" b"}'),
        (" [536228412, [536228412]]", "536228412", ' ["#", ["#"]]'),
        ("ssn 536228412", "536228412", "ssn #"),
        ('{"ssn": 536228412', "536228412", '{"ssn": #'),
    ],
)
def test_json_stays_json(text: str, cut: str, left: str) -> None:
    spans = [(at, at + len(cut), "#") for at in range(len(text)) if text.startswith(cut, at)]
    assert replaced(text, spans) == left


@pytest.mark.parametrize("span", [(0, 3), (5, 9), (8, 20)])
def test_what_would_leave_no_json_is_not_cut(span: tuple[int, int]) -> None:
    with pytest.raises(BrokenJson):
        replaced('{"a": "b", "c": [true]}', [(*span, "#")])


@given(
    st.text(alphabet="abcxyzé😀", max_size=60), st.lists(st.tuples(st.integers(0, 59), st.integers(1, 20)), max_size=8)
)
def test_exactly_the_characters_outside_of_all_hits_stay(text: str, spans: list[tuple[int, int]]) -> None:
    hits = [
        Hit("secret.x", "redact", 0, start, min(len(text), start + length))
        for start, length in spans
        if start < len(text)
    ]
    covered = {at for hit in hits for at in range(hit.start, hit.end)}
    kept = "".join(char for at, char in enumerate(text) if at not in covered)
    assert redact([text], _verdict(*hits))[0].replace(MARK, "") == kept
