"""Every protocol that a kind of provider speaks has a codec, and no codec is there for nothing."""

from __future__ import annotations

import pytest

from ingress.codecs.registry import CHAT, IN_PATH, ONE_SHOT
from schemas.wires import WIRES, Endpoint, Wire

_ONE_SHOTS = ("embeddings", "rerank", "moderations", "count_tokens")


def _chats(wire: Wire) -> list[Endpoint]:
    return [*wire.chat, *([wire.completions] if wire.completions else [])]


def _shots(wire: Wire) -> list[Endpoint]:
    return [endpoint for name in _ONE_SHOTS if (endpoint := getattr(wire, name)) is not None]


@pytest.mark.parametrize("provider", WIRES)
def test_every_protocol_has_its_codec(provider: str) -> None:
    wire = WIRES[provider]
    assert [each.protocol for each in _chats(wire) if each.protocol not in CHAT] == []
    assert [each.protocol for each in _shots(wire) if each.protocol not in ONE_SHOT] == []


def test_every_codec_is_spoken_by_somebody() -> None:
    spoken = {each.protocol for wire in WIRES.values() for each in (*_chats(wire), *_shots(wire))}
    assert {*CHAT, *ONE_SHOT} == spoken
    assert set(CHAT).isdisjoint(ONE_SHOT)


def test_a_codec_bears_the_name_it_is_found_by() -> None:
    assert [name for name, codec in (*CHAT.items(), *ONE_SHOT.items()) if codec.name != name] == []


def test_what_is_in_a_path_leaves_the_body() -> None:
    """A field is in the path exactly where an endpoint's path has a place for it, or another one for streams."""
    endpoints = [each for wire in WIRES.values() for each in (*_chats(wire), *_shots(wire))]
    named = {each.protocol for each in endpoints if "{model}" in each.path and "deployments" not in each.path}
    assert named == set(IN_PATH)
    streamed = {each.protocol for each in endpoints if each.stream_path}
    assert streamed <= {name for name, fields in IN_PATH.items() if "stream" in fields}
