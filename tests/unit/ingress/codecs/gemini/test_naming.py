"""Both ways of writing this API's JSON mean the same."""

from __future__ import annotations

from ingress.codecs.gemini.naming import camel, standard
from ingress.codecs.gemini.request_read import read_request
from schemas.conversation.parts import Image

SCHEMA = {"type": "object", "properties": {"home_town": {"type": "string"}}}


def test_names_are_read_in_snake_case_and_the_callers_own_are_left() -> None:
    function = {"name": "weather", "parameters_json_schema": SCHEMA}
    body = {
        "model": "m",
        "contents": [{"parts": [{"text": "Hi"}]}],
        "system_instruction": {"parts": [{"text": "Be brief."}]},
        "tools": [{"function_declarations": [function]}],
        "generation_config": {"max_output_tokens": 5, "thinking_config": {"include_thoughts": True}},
    }
    conversation = read_request(body)
    assert conversation.tools[0].parameters == SCHEMA
    assert conversation.max_output == 5
    assert conversation == read_request(camel(body))
    assert body["tools"][0]["function_declarations"][0] is function  # type: ignore[index]


def test_bytes_are_read_in_both_alphabets() -> None:
    part = {"inline_data": {"mime_type": "image/png", "data": "-_-_"}}
    image = read_request({"model": "m", "contents": [{"parts": [part]}]}).messages[0].parts[0]
    assert isinstance(image, Image) and image.data == "+/+/"
    assert standard("YQ") == "YQ=="
