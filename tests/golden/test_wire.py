"""Every golden wire file still says what it said, and its codec still makes of it what it made."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from ingress.codecs.registry import CHAT, ONE_SHOT
from tests.golden.wire.cases import digest, files, name_of, released, run

EACH = pytest.mark.parametrize("path", files(), ids=name_of)


@EACH
def test_the_codec_makes_of_it_what_it_made(path: Path) -> None:
    case = json.loads(path.read_text())
    today = json.loads(msgspec.json.encode(run(path.parent.name, case)))
    assert today == case


@EACH
def test_it_names_its_source_and_is_as_it_was_released(path: Path) -> None:
    assert len(json.loads(path.read_text())["source"]) > 10
    assert released().get(name_of(path)) == digest(path), "run `python -m tests.golden.wire`; add files, change none"


def test_no_released_file_is_gone() -> None:
    assert set(released()) - {name_of(path) for path in files()} == set()


@pytest.mark.parametrize("protocol", [*CHAT, *ONE_SHOT])
def test_every_protocol_has_some(protocol: str) -> None:
    assert [path for path in files() if path.parent.name == protocol]
