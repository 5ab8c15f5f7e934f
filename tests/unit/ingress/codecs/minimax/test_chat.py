"""MiniMax tells of errors under the status 200."""

from __future__ import annotations

import pytest

from ingress.codecs.codec import ToldError
from ingress.codecs.registry import CHAT
from schemas.conversation.answer import Failed

REFUSED = b'{"id": "1", "choices": null, "base_resp": {"status_code": 1002, "status_msg": "rate limit"}}'


def test_an_error_in_place_of_an_answer() -> None:
    with pytest.raises(ToldError, match="rate limit") as caught:
        CHAT["minimax"].read_answer(REFUSED)
    assert (caught.value.told.message, caught.value.told.code) == ("rate limit", "1002")


def test_an_error_in_a_stream() -> None:
    assert CHAT["minimax"].reader().read("", REFUSED) == [Failed("rate limit", "1002")]


def test_an_error_of_openais_form_is_read_too() -> None:
    assert CHAT["minimax"].read_error(b'{"error": {"message": "No.", "code": "x"}}').message == "No."
