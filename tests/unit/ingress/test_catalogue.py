"""Wire formats: what configuration admits and what the data plane can speak are the same."""

from __future__ import annotations

import pytest

from ingress.codecs.registry import CHAT, ONE_SHOT
from ingress.providers.catalogue import in_path
from schemas.errors import InvalidRequest
from schemas.wires import WIRES


def test_every_wire_format_that_can_be_configured_can_be_spoken() -> None:
    assert {endpoint.protocol for wire in WIRES.values() for endpoint in wire.chat} <= set(CHAT)
    others = [
        endpoint
        for wire in WIRES.values()
        for endpoint in (wire.embeddings, wire.rerank, wire.moderations, wire.completions)
        if endpoint is not None
    ]
    assert {endpoint.protocol for endpoint in others} <= {*CHAT, *ONE_SHOT}


@pytest.mark.parametrize(
    ("protocol", "model", "said"),
    [
        ("bedrock", "anthropic.claude-3-5-sonnet-20241022-v2:0", "anthropic.claude-3-5-sonnet-20241022-v2%3A0"),
        ("bedrock", "arn:aws:bedrock:us-east-1:1:inference-profile/x", "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3A"
         "inference-profile%2Fx"),
        ("replicate", "meta/meta-llama-3-70b-instruct", "meta/meta-llama-3-70b-instruct"),
        ("gemini", "gemini-2.5-flash:deleteAll?x#y", "gemini-2.5-flash%3AdeleteAll%3Fx%23y"),
        ("gemini", "über/modell", "%C3%BCber%2Fmodell"),
    ],
)  # fmt: skip
def test_a_model_s_name_stays_what_it_is_in_a_path(protocol: str, model: str, said: str) -> None:
    assert in_path(model, protocol) == said


@pytest.mark.parametrize("model", ["../../accounts", "a/..", ".", "a//b", ""])
def test_no_name_leads_out_of_its_place(model: str) -> None:
    with pytest.raises(InvalidRequest):
        in_path(model, "replicate")
