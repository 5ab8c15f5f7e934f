"""Runs are kept outside of the repository, and a later one is judged by an earlier one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.history import Figure, Unreadable, compare, earlier, history_file, remember, run_of

FIGURES = [
    Figure("speed", 1_000.0, "facts/s", target=900.0),
    Figure("wait", 10.0, "ms", "less", target=5.0),
    Figure("size", 7.0, "KB", ""),
]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def test_a_run_is_found_again_by_name_and_size(state: Path) -> None:
    remember(run_of("some", FIGURES, quick=True))
    remember(run_of("some", FIGURES[:1], quick=False))
    path = history_file("some")
    assert path.is_relative_to(state)
    assert earlier(path, "some", quick=True) == FIGURES
    assert earlier(path, "some", quick=False) == FIGURES[:1]


def test_what_was_never_run_cannot_be_compared_with(state: Path) -> None:
    remember(run_of("some", FIGURES, quick=True))
    with pytest.raises(Unreadable, match="without --quick"):
        earlier(history_file("some"), "some", quick=False)
    with pytest.raises(Unreadable):
        earlier(state / "nothing", "some", quick=True)
    (state / "broken").write_text("{", encoding="utf-8")
    with pytest.raises(Unreadable):
        earlier(state / "broken", "some", quick=True)


def test_only_clearly_worse_figures_are_regressions() -> None:
    after = [Figure("speed", 700.0, "facts/s"), Figure("wait", 12.0, "ms", "less"), Figure("size", 70.0, "KB", "")]
    assert [(change.name, change.verdict) for change in compare(FIGURES, after)] == [
        ("speed", "regression"),
        ("wait", "same"),
    ]
    assert compare(FIGURES, [Figure("wait", 5.0, "ms", "less")])[0].verdict == "better"


def test_the_exit_status_says_whether_there_is_a_regression(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = state / "before.json"
    before.write_text(json.dumps(run_of("some", FIGURES, quick=True)), encoding="utf-8")
    given = report.options("some", None).parse_args(["--quick", "--output", "json", "--compare", str(before)])
    assert report.finish("some", given, FIGURES) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "ok"
    assert report.finish("some", given, [Figure("speed", 1.0, "facts/s")]) == 1
    given.compare = state / "nothing"
    assert report.finish("some", given, FIGURES) == 2


def test_the_table_says_which_targets_are_met() -> None:
    lines = report.table(FIGURES).splitlines()
    assert lines[1].split()[-1] == "met"
    assert lines[2].split()[-1] == "missed"
    assert len({line.index("facts/s") for line in lines[1:2]} | {lines[0].index("unit")}) == 1
