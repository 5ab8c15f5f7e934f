"""A process whose clock is set back while it runs: what it calls now, and the ids it gives, go on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.chaos.clock import Shift, why_not
from benchmarks.chaos.small_site import ROOT
from schemas.ids import millis_of

why = why_not()
pytestmark = pytest.mark.skipif(bool(why), reason=why)

CHILD = """
import sys, time
from schemas.ids import Ids, SystemClock
clock = SystemClock()
ids = Ids(clock)
for line in sys.stdin:
    print(time.time_ns() // 1000, clock.now_us(), ids.new(), time.monotonic(), flush=True)
"""


def test_neither_times_nor_ids_go_back_with_the_clock(tmp_path: Path) -> None:
    shift = Shift(tmp_path / "clock", 3_600)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD],
        env={**os.environ, **shift.environment, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None and child.stdout is not None
    told = []
    try:
        for seconds in (3_600, -3_600, -3_600, 0, 3_600, 7_200):
            shift.set(seconds)
            child.stdin.write("\n")
            child.stdin.flush()
            wall, now, made, elapsed = child.stdout.readline().split()
            told.append((int(wall), int(now), made, float(elapsed)))
    finally:
        child.stdin.close()
        child.wait(10)
    walls = [wall for wall, _, _, _ in told]
    assert walls[0] - walls[1] > 7_000_000_000, "the machine's clock was set back"
    times = [now for _, now, _, _ in told]
    ids = [made for _, _, made, _ in told]
    elapsed = [seconds for _, _, _, seconds in told]
    assert (times, ids) == (sorted(times), sorted(set(ids)))
    assert elapsed == sorted(elapsed) and elapsed[-1] - elapsed[0] < 60, "what is measured is left alone"
    assert times[-1] == pytest.approx(walls[-1], abs=1_000_000), "it follows a clock that is ahead again"
    assert millis_of(ids[-1]) * 1000 == pytest.approx(times[-1], abs=1_000_000)
