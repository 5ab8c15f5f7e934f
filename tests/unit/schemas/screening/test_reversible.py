"""Tokens for what was cut out: nothing of it is left, the same gets the same, and it comes back however it is cut."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from schemas.screening.model import Hit, Verdict
from schemas.screening.reversible import Restoring, Tokens, tokenise

TEXTS = ["mail a@b.c or c@d.e", "a@b.c [EMAIL_2] +1 555"]
VERDICT = Verdict(
    "redact",
    (
        Hit("email.address", "redact", 0, 5, 10),
        Hit("email.address", "redact", 0, 14, 19),
        Hit("email.address", "redact", 1, 0, 5),
        Hit("payment-card.number", "flag", 1, 6, 9),
        Hit("phone.number", "block", 1, 16, 22),
    ),
    "email.address",
    "p",
)


def test_the_same_original_has_the_same_token_and_a_token_of_the_callers_own_is_nobodys() -> None:
    cut, tokens = tokenise(TEXTS, VERDICT)
    assert cut == ["mail [EMAIL_1] or [EMAIL_3]", "[EMAIL_1] [EMAIL_2] [PHONE_1]"]
    assert tokens.originals == {"[EMAIL_1]": "a@b.c", "[EMAIL_3]": "c@d.e", "[PHONE_1]": "+1 555"}
    assert [tokens.restored(text) for text in cut] == TEXTS


def test_within_json_an_original_stays_within_its_string() -> None:
    tokens = Tokens({"[NAME_1]": 'Jo "the\n" \\'})
    text = tokens.restored('{"name": "[NAME_1]"}', quoted=True)
    assert json.loads(text) == {"name": 'Jo "the\n" \\'}


PIECES = st.lists(st.sampled_from(["[EMAIL_1]", "[EMAIL_12]", "[EMAIL_", "[", "]", "1", "2", "x", "[EMAIL_3]"]), max_size=12)  # fmt: skip  # noqa: E501


@given(PIECES, st.lists(st.integers(1, 6), min_size=1, max_size=40))
def test_any_cut_of_an_answer_is_restored_alike(pieces: list[str], sizes: list[int]) -> None:
    tokens = Tokens({"[EMAIL_1]": "a@b.c", "[EMAIL_12]": "<x>", "[PAYMENT_CARD_1]": "4111"})
    text = "".join(pieces)
    restoring, out, at, turn = Restoring(tokens, quoted=False), "", 0, 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        turn += 1
        out += restoring.push(text[at : at + size])
        at += size
    assert out + restoring.finish() == tokens.restored(text)


@given(st.text(alphabet="[]EMAIL_1 ", max_size=40))
def test_what_waits_is_no_more_than_the_beginning_of_a_token(text: str) -> None:
    tokens = Tokens({"[EMAIL_1]": "a@b.c"})
    ready, held = tokens.split(text)
    assert ready + held == text
    assert held == "" or (held != "[EMAIL_1]" and "[EMAIL_1]".startswith(held))
    # and nothing that could become one is let go
    assert held != "" or not any(
        "[EMAIL_1]".startswith(text[at:]) and text[at:] != "[EMAIL_1]" for at in range(len(text))
    )


def test_without_tokens_nothing_waits() -> None:
    assert Tokens({}).split("[") == ("[", "")
    assert Tokens({}).restored("[EMAIL_1]") == "[EMAIL_1]"
