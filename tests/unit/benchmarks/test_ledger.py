"""A ledger is read while it is written: a line that is half there is not there yet."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from benchmarks.chaos.lag import Lag
from benchmarks.chaos.ledger import entries


def test_a_line_that_is_being_written_does_not_count_yet(tmp_path: Path) -> None:
    path = tmp_path / "siem.ndjson"
    lag = Lag(cast("Any", None), cast("Any", SimpleNamespace(siem_ledger=path)))
    assert (entries(path), lag.newest_delivered()) == ([], 0.0)
    lines = [{"ids": ["one"], "newest_ms": 1_000}, {"ids": ["two"], "newest_ms": 2_500}]
    first, second = (json.dumps(line).encode() + b"\n" for line in lines)
    path.write_bytes(first[:-1])
    assert (entries(path), lag.newest_delivered()) == ([], 0.0)
    for there in range(len(second)):
        path.write_bytes(first + second[:there])
        assert (entries(path), lag.newest_delivered()) == (lines[:1], 1.0)
    path.write_bytes(first + second)
    assert (entries(path), lag.newest_delivered()) == (lines, 2.5)
