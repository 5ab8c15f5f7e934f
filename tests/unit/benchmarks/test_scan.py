"""The figures of the scan benchmark: each target is of a text that is measured, and is held the right way round."""

from __future__ import annotations

from benchmarks.scan import SIZES, TARGETS, Timing, figures_of, texts


def test_each_target_is_of_a_text_that_is_measured() -> None:
    assert set(TARGETS) <= {*texts(), *(f"first scan alone, {size} KB" for size in SIZES)}


def test_time_is_held_from_above_and_speed_from_below() -> None:
    found = [Timing(name, 9.0, 149.0, "none") for name in ("clean 0.5 KB", "first scan alone, 512 KB", "dirty 8 KB")]
    assert [(one.value, one.unit, one.missed) for one in figures_of(found)] == [
        (9.0, "µs", False),
        (149.0, "MB/s", True),
        (9.0, "µs", False),
    ]
