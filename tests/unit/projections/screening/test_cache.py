"""A compiled pack is kept, and never trusted blindly."""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from projections.screening import Screener, cache, compile_rules, load_builtin_rules
from projections.screening.cache import load_or_compile
from projections.screening.compiled import CompiledPack, Part
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
    (blob,) = (tmp_path / "packs").glob("*.blob")
    assert blob.name.startswith(f"{first.version}-")
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
    (blob,) = tmp_path.glob("*.blob")
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
            blob.write_bytes(CompiledPack(**(vars(pack) | {"detect": (Part(b"other machine", ((0,),)),)})).to_bytes())
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


def test_of_two_that_start_at_once_one_compiles_and_the_other_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiling, go_on = threading.Event(), threading.Event()
    count = 0

    def slow(rules: list[Rule]) -> CompiledPack:
        nonlocal count
        count += 1
        compiling.set()
        assert go_on.wait(10)
        return compile_rules(rules)

    waits = threading.Event()
    acquire = fcntl.flock

    def flock(lock: int, how: int) -> None:
        try:
            acquire(lock, how)
        except BlockingIOError:
            waits.set()
            raise

    monkeypatch.setattr(cache, "compile_rules", slow)
    monkeypatch.setattr(fcntl, "flock", flock)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(load_or_compile, tmp_path, RULES)
        assert compiling.wait(10)
        second = pool.submit(load_or_compile, tmp_path, RULES)
        assert waits.wait(10)
        go_on.set()
        assert first.result(10) == second.result(10)
    assert count == 1


def test_the_rules_that_come_with_nexus_are_kept_with_the_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compilations: Compilations
) -> None:
    monkeypatch.setattr(cache, "INSTALLATION", tmp_path / "installation")
    monkeypatch.setattr(cache, "load_builtin_rules", lambda: tuple(RULES))
    first = load_or_compile(tmp_path / "one")
    assert load_or_compile(tmp_path / "two") == first
    assert compilations.count == 1
    assert [path.name for path in tmp_path.iterdir()] == ["installation"]


def test_of_older_rules_only_a_few_packs_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "INSTALLATION", tmp_path)
    for number in range(8):
        some = tuple(msgspec.structs.replace(rule, title=f"{rule.title} {number}") for rule in RULES)
        monkeypatch.setattr(cache, "load_builtin_rules", lambda some=some: some)
        newest = load_or_compile(tmp_path)
    left = [path.name for path in tmp_path.glob("*.blob")]
    assert len(left) == 4
    assert any(name.startswith(newest.version) for name in left)
