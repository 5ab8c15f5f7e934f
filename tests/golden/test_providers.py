"""Each kind of provider that is data alone gets what its file shows; and adding one is an entry and a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas.aggregates.decider import Create
from schemas.aggregates.provider import DECIDER, Provider
from schemas.wires import WIRES, Endpoint, Quirks, Wire
from tests.golden.providers.cases import HERE, kinds, run, without_a_file

FILES = sorted(HERE.glob("*.json"))


def test_every_kind_of_provider_that_is_data_alone_has_its_file() -> None:
    assert without_a_file() == [], "write the file, then run `python -m tests.golden.providers`"
    assert {path.stem for path in FILES} == set(kinds()) and len(kinds()) >= 10


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_it_gets_what_its_file_shows(path: Path) -> None:
    case = json.loads(path.read_text())
    assert len(case["source"]) > 10
    assert run(path.stem, case) == case


def test_a_new_provider_is_one_entry_and_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe of the README, followed."""
    # 1. the entry in `schemas/wires.py`
    entry = Wire(
        chat=(Endpoint(protocol="openai_chat", path="/chat/completions"),),
        base_url="https://api.newcomer.example/v2",
        quirks=Quirks(
            rename=(("max_completion_tokens", "max_tokens"),), remove=("logprobs", "top_logprobs"), developer=False
        ),
    )
    monkeypatch.setitem(WIRES, "newcomer", entry)
    # it can be configured at once
    account = Provider(id="a1", tenant="t", wire="newcomer", base_url="")
    assert len(DECIDER.decide(Create(account), None)) == 1
    # and is missed until it has its file
    assert without_a_file() == ["newcomer"]
    # 2. the file
    asked = json.loads((HERE / "openai_compatible.json").read_text())["in"]
    file = tmp_path / "newcomer.json"
    file.write_text(json.dumps(run("newcomer", {"source": "Newcomer's API reference", "in": asked})))
    assert without_a_file(tmp_path) == [name for name in kinds() if name != "newcomer"]
    out = json.loads(file.read_text())["out"]
    assert out["url"] == "https://api.newcomer.example/v2/chat/completions"
    assert out["body"]["max_tokens"] == asked["max_completion_tokens"] and out["body"]["model"] == "the-model"
    assert out["body"]["messages"][0]["role"] == "system" and "logprobs" not in out["body"]
    assert out["dropped"] == ["logprobs", "top_logprobs"]
