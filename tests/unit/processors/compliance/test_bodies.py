"""Kept bodies give the texts that the gateway saw; anything else is told apart without being quoted."""

from __future__ import annotations

import json

import pytest

from processors.compliance.bodies import NoTexts, texts_of


def test_requests_answers_and_streams() -> None:
    request = json.dumps({"messages": [{"role": "user", "content": "one"}], "user": "two"}).encode()
    assert texts_of(request, "request", stream=True) == ["one", "two"]
    answer = json.dumps({"choices": [{"message": {"content": "one"}}], "texts": {"0": "not this"}}).encode()
    assert texts_of(answer, "response", stream=False) == ["one"]
    kept = json.dumps({"texts": {"0": "one", "0.tool0": "two"}, "choices": []}).encode()
    assert texts_of(kept, "response", stream=True) == ["one", "two"]


@pytest.mark.parametrize(
    "body",
    [b"", b"secret", b"[]", b"\xff", b"[" * 100_000, b'{"messages": ' + b"[" * 70 + b'"secret"' + b"]" * 70 + b"}"],
)
def test_anything_else(body: bytes) -> None:
    with pytest.raises(NoTexts) as raised:
        texts_of(body, "request", stream=False)
    assert "secret" not in str(raised.value)
