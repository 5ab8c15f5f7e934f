"""Counting instructions: what is counted, what counts as worse, what is said where nothing can be counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import instructions
from benchmarks.hot import functions
from benchmarks.instructions import REFERENCE, CannotCount, compare
from projections.screening import CompiledPack, Screener, compile_rules, load_builtin_rules


def test_every_hot_function_can_be_called_again_and_again() -> None:
    pack = compile_rules(load_builtin_rules()[:2])
    names = []
    for name, call in functions(Screener(CompiledPack.from_bytes(pack.to_bytes()))):
        call()
        call()
        names.append(name)
    assert names[0] == REFERENCE and len(set(names)) == len(names) == 8


@pytest.mark.parametrize(
    ("reference", "function", "worse"),
    [
        (100, 109, False),
        (100, 111, True),
        (100, 50, False),
        (120, 131, False),  # a slower build of Python
        (120, 133, True),
        (80, 109, False),  # a faster build, of which a native function has nothing
        (80, 111, True),
    ],
)
def test_a_function_is_worse_beyond_the_tolerance(reference: float, function: float, worse: bool) -> None:
    before = {REFERENCE: 100.0, "seal": 100.0, "gone": 1.0}
    changes = compare(before, {REFERENCE: reference, "seal": function, "new": 9.0})
    assert [(change.name, change.worse) for change in changes] == [("seal", worse)]


def test_the_totals_of_a_dump_are_read(tmp_path: Path) -> None:
    dump = tmp_path / "counts.1"
    dump.write_text("version: 1\nsummary: 7\ntotals: 1234567\n")
    assert instructions._total(dump) == 1_234_567
    with pytest.raises(CannotCount, match="separate the functions"):
        instructions._total(tmp_path / "counts.2")


def test_without_valgrind_the_check_says_so_and_passes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert instructions.main(["--check"]) == 0
    assert "install it" in capsys.readouterr().err
