"""`nexus schemas export` writes what the code says, words included."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ops.cli.main import run
from ops.cli.schemas import documentation, documents
from schemas.registry import BY_NAME


def test_it_writes_every_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "folder"
    assert run(["schemas", "export", str(folder), "--output", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert sorted(path.name for path in folder.iterdir()) == told["files"]
    assert set(told["files"]) == {f"{name}.json" for name in BY_NAME} | {"event.json", "asyncapi.json"}
    for path in folder.iterdir():
        assert json.loads(path.read_text())


def test_fields_carry_the_words_of_the_source() -> None:
    made = documents("1")
    accepted = made["request.accepted.v1.json"]["properties"]
    assert accepted["model"]["description"] == "As the caller wrote it."
    # inherited from the struct that the four terminal facts share
    assert made["request.refused.v1.json"]["properties"]["code"]["description"] == "Error code, or empty."
    assert "As the caller wrote it." in json.dumps(made["asyncapi.json"])


def test_words_belong_to_the_field_before_them(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "shapes.py").write_text(
        'class A:\n    """About A."""\n    x: int\n    """About\n    x."""\n'
        '    y: int\n    z: int = 0\n    """About z."""\n'
    )
    assert dict(documentation(tmp_path / "room")) == {"room.shapes.A.x": "About x.", "room.shapes.A.z": "About z."}


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run(["schemas", "export", str(tmp_path / "file")]) == 1
    assert "name another directory" in capsys.readouterr().err
