"""Pictures, sound and files of Gemini's callers are what they are for every provider."""

from __future__ import annotations

from typing import Any

import pytest

from ingress.codecs.gemini.generate import GEMINI_GENERATE
from ingress.codecs.openai.chat import OpenAIChat


@pytest.mark.parametrize(
    ("media_type", "said"),
    [
        ("audio/wav", {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
        ("audio/mpeg", {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}}),
        ("image/png", {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}),
    ],
)
def test_a_part_is_told_to_others_in_their_words(media_type: str, said: dict[str, Any]) -> None:
    part = {"inlineData": {"mimeType": media_type, "data": "AAAA"}}
    asked = GEMINI_GENERATE.read_request({"model": "m", "contents": [{"role": "user", "parts": [part]}]})
    assert OpenAIChat().write_request(asked).body["messages"][0]["content"] == [said]
    assert GEMINI_GENERATE.write_request(asked).body["contents"][0]["parts"] == [part]


def test_sound_that_has_no_name_of_its_own_stays_a_file() -> None:
    part = {"inlineData": {"mimeType": "audio/x-unheard-of", "data": "AAAA"}}
    asked = GEMINI_GENERATE.read_request({"model": "m", "contents": [{"role": "user", "parts": [part]}]})
    assert GEMINI_GENERATE.write_request(asked).body["contents"][0]["parts"] == [part]
