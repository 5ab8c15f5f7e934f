"""pip's output becomes progress; what it says at the end is shown when it fails."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from ops.pip_run import TAIL, run_pip
from ops.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Ticks:
    """A clock on which every look is a second later, so that nothing is left out of a drawing."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def ran(code: str, packages: int = 4) -> tuple[int, str]:
    stream = Terminal()
    status = run_pip([sys.executable, "-c", code], Progress(stream, Ticks()), packages, None)
    return status, stream.getvalue()


def test_packages_are_counted_as_they_are_fetched() -> None:
    status, text = ran(
        "print('Ignoring colorama: markers do not match')\n"
        "print('Collecting one==1 (from -r lock)')\n"
        "print('  Downloading one-1.whl (3 kB)')\n"
        "print('Requirement already satisfied: two==2 in /x')\n"
        "print('Collecting three==3')\n"
    )
    assert status == 0
    assert "1/3" in text
    assert "one==1" in text
    assert "two==2" in text
    assert "3/3" in text
    assert "|" not in text


class Watched(Terminal):
    """Makes a file once something was shown."""

    def __init__(self, words: str, seen: Path) -> None:
        super().__init__()
        self._words = words
        self._seen = seen

    def write(self, text: str) -> int:
        if self._words in text:
            self._seen.touch()
        return super().write(text)


def test_packages_are_counted_as_they_arrive(tmp_path: Path) -> None:
    site, seen = tmp_path / "site", tmp_path / "seen"
    (site / "old-1.dist-info").mkdir(parents=True)
    # silent, as pip is, until what arrived was counted
    code = (
        "import pathlib, sys, time\n"
        "print('Installing collected packages: one, two', flush=True)\n"
        f"site, seen = pathlib.Path({str(site)!r}), pathlib.Path({str(seen)!r})\n"
        "give_up = time.monotonic() + 30\n"
        "(site / 'one-1.dist-info').mkdir()\n"
        "(site / 'two-2.dist-info').mkdir()\n"
        "while not seen.exists(): assert time.monotonic() < give_up\n"
    )
    stream = Watched("2/2", seen)
    assert run_pip([sys.executable, "-c", code], Progress(stream, Ticks()), 2, site) == 0
    assert "2/2" in stream.getvalue()


def test_the_end_of_a_failure_is_shown() -> None:
    status, text = ran(
        "import sys\nfor n in range(100): print('line', n, flush=True)\nprint('why', file=sys.stderr)\nsys.exit(3)"
    )
    assert status == 3
    shown = [line for line in text.splitlines() if line.startswith("  | ")]
    assert len(shown) == TAIL
    assert shown[-1] == "  | why"
