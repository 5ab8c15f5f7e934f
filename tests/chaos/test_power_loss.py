"""A short power cut: what was confirmed is there afterwards, and would not be without the syncs that confirm it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.chaos import disks
from benchmarks.chaos.power_loss import cuts, judge
from projections.log import spool

why = disks.why_not()
pytestmark = pytest.mark.skipif(bool(why), reason=why)


async def test_what_was_confirmed_survives_a_power_cut_and_only_because_it_is_synced(tmp_path: Path) -> None:
    seen = await cuts(tmp_path / "always", "always", 1, seed=7, logs_away=1, in_flight=6)
    control = await cuts(tmp_path / "control", "10s", 1, seed=7, logs_away=0, in_flight=6)
    broken = [promise for promise in judge(seen, control) if not promise.held]
    assert not broken, broken


async def test_a_spool_that_does_not_sync_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool.os, "fdatasync", lambda _: None)
    seen = await cuts(tmp_path / "always", "always", 1, seed=7, logs_away=1, in_flight=6)
    assert seen.lost_spooled
    assert not seen.lost
