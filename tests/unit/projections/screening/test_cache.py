"""A compiled pack is kept, and never trusted blindly."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from projections.screening import Screener, cache, compile_rules, load_builtin_rules
from projections.screening.cache import load_or_compile
from projections.screening.compiled import CompiledPack
from schemas.screening.model import Rule

RULES = [rule for rule in load_builtin_rules() if rule.category == "secret"][:3]


class Compilations:
    """Counts how often rules were compiled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        monkeypatch.setattr(cache, "compile_rules", self._compile)

    def _compile(self, rules: list[Rule]) -> CompiledPack:
        self.count += 1
        return compile_rules(rules)


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> Compilations:
    return Compilations(monkeypatch)


def test_the_second_start_does_not_compile(tmp_path: Path, compilations: Compilations) -> None:
    first = load_or_compile(tmp_path / "packs", RULES)
    second = load_or_compile(tmp_path / "packs", RULES)
    assert first == second
    assert compilations.count == 1
    (blob,) = (tmp_path / "packs").iterdir()
    assert blob.name == f"{first.version}.blob"
    assert stat.S_IMODE(blob.stat().st_mode) == 0o600


def test_other_rules_are_another_pack(tmp_path: Path, compilations: Compilations) -> None:
    one, two = load_or_compile(tmp_path, RULES[:1]), load_or_compile(tmp_path, RULES[:2])
    assert one.version != two.version
    assert compilations.count == 2


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "engine", "version", "machine"])
def test_a_blob_that_cannot_be_used_is_replaced(
    tmp_path: Path, compilations: Compilations, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    pack = load_or_compile(tmp_path, RULES)
    blob = tmp_path / f"{pack.version}.blob"
    whole = blob.read_bytes()
    match damage:
        case "cut":
            blob.write_bytes(whole[: len(whole) // 2])
        case "changed":
            blob.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        case "empty":
            blob.write_bytes(b"")
        case "engine":
            with monkeypatch.context() as other:
                other.setattr("projections.screening.compiled._ENGINE", "0.0.1")
                blob.write_bytes(pack.to_bytes())
        case "version":
            blob.write_bytes(compile_rules(RULES[:1]).to_bytes())
        case "machine":
            blob.write_bytes(CompiledPack(**(vars(pack) | {"detect": b"other machine"})).to_bytes())
    again = load_or_compile(tmp_path, RULES)
    assert again.version == pack.version
    assert compilations.count == 2
    assert Screener(again).screen(["nothing here"], "request").action == "approve"
    load_or_compile(tmp_path, RULES)
    assert compilations.count == 2


def test_a_place_that_cannot_be_written_costs_only_time(tmp_path: Path, compilations: Compilations) -> None:
    (tmp_path / "file").write_text("in the way")
    assert load_or_compile(tmp_path / "file" / "packs", RULES).version
    assert compilations.count == 1
    assert os.listdir(tmp_path) == ["file"]
