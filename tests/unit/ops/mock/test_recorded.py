"""Recordings are played back to who asks the same, and to nobody else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ops.mock import running_mock
from ops.mock.recorded import Recordings, difference
from tests.unit.ops.mock.raw import ask
from tests.unit.ops.mock.wires.test_strictness import post

RECORDED = {
    "method": "POST",
    "path": "/v1/x?a=1",
    "request": {"model": "m", "list": [1, {"b": 2}]},
    "status": 201,
    "answer_text": "data: {}\n\n",
}


async def test_what_was_recorded_is_answered_to_the_letter(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps(RECORDED))
    async with running_mock(replay=tmp_path) as mock:
        same = await ask(mock.port, post("/v1/x?a=1", RECORDED["request"]))
        other = await ask(mock.port, post("/v1/x?a=1", {"model": "m", "list": [1, {"b": 3}]}))
        nowhere = await ask(mock.port, post("/v1/x", RECORDED["request"]))
    assert (same.status, same.body) == (201, b"data: {}\n\n")
    assert (other.status, nowhere.status) == (409, 404)
    assert "$.list[1].b differs" in other.body.decode()


def test_the_first_difference_is_named_without_its_value() -> None:
    assert difference({"a": 1}, {"a": 1}) == ""
    assert difference({"a": 1}, {}) == "$.a is missing"
    assert difference({}, {"secret": 1}) == "$.secret is too many"
    assert difference([1], [1, 2]) == "$ has 2 members and not 1"


def test_a_folder_that_holds_no_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no recording"):
        Recordings(tmp_path)
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(ValueError, match=r"bad\.json"):
        Recordings(tmp_path)
