"""`nexus scan`: where rules hit in files, never what matched, and the exit code that stops a commit."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from ops.cli.main import run

SECRET = "AKIAIOSFODNN7EXAMPL2"
CARD = "4111 1111 1111 1111"


def scanned(capsys: pytest.CaptureFixture[str], data: Path, *argv: str) -> tuple[int, dict[str, Any]]:
    code = run(["scan", *argv, "--output", "json", "--data", str(data)])
    captured = capsys.readouterr()
    assert SECRET not in captured.out + captured.err
    assert CARD not in captured.out + captured.err
    found: dict[str, Any] = json.loads(captured.out)
    return code, found


def test_hits_have_lines_and_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(f"first\nü key = '{SECRET}'\n\xff\n  {CARD}\n".encode("latin-1").replace(b"\xfc", "ü".encode()))
    code, told = scanned(capsys, tmp_path, str(file))
    assert code == 1
    places = {item["rule"]: (item["line"], item["column"], item["end_line"]) for item in told["items"]}
    assert places["secret.aws-access-key-id"] == (2, 10, 2)
    assert places["payment-card.number"] == (4, 3, 4)
    assert {item["file"] for item in told["items"]} == {str(file)}
    assert {item["severity"] for item in told["items"]} == {"hard"}


def test_only_a_block_fails_unless_told_otherwise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "card.txt"
    file.write_text(f"pay with {CARD}")
    assert scanned(capsys, tmp_path, str(file))[0] == 0
    assert scanned(capsys, tmp_path, str(file), "--fail-on", "redact")[0] == 1
    code, told = scanned(capsys, tmp_path, str(file), "--least", "block")
    assert (code, told["items"]) == (0, [])


def test_directories_are_walked_without_what_is_hidden(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("b/deep/x.txt", "a.txt", ".git/config", "node_modules/m.js"):
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_text(f"key {SECRET}")
    (tmp_path / "tree" / "binary").write_bytes(b"\x7fELF\0" + SECRET.encode())
    code, told = scanned(capsys, tmp_path, str(tmp_path / "tree"))
    assert code == 1
    assert [Path(item["file"]).name for item in told["items"]] == ["a.txt", "x.txt"]
    assert (told["files"], [Path(name).name for name in told["skipped"]]) == (2, ["binary"])


def test_what_is_piped_in_is_scanned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"\n{SECRET}".encode())))
    code, told = scanned(capsys, tmp_path, "-")
    assert (code, told["items"][0]["file"], told["items"][0]["line"]) == (1, "-", 2)


def test_clean_files_and_missing_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "clean.txt").write_text("nothing to see here")
    assert scanned(capsys, tmp_path, str(tmp_path / "clean.txt"))[1]["items"] == []
    assert run(["scan", str(tmp_path / "none.txt")]) == 2
    assert "there is no file" in capsys.readouterr().err


def test_more_hits_than_are_listed_are_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "many.txt"
    file.write_text(f"{CARD}\n" * 1_100)
    code, told = scanned(capsys, tmp_path, str(file))
    assert code == 1, "what cannot be listed whole counts as a block"
    assert told["items"][-1]["rule"] == "nexus.too-many-hits"
