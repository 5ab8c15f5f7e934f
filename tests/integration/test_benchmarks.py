"""The servers and the filling of benchmarks, on the real log; what they measure is no business of a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import made
from benchmarks.filling import Refused, fill
from benchmarks.servers import log_on, nats
from projections.log.reader import last_sequence
from projections.log.verify import verify_chains


async def test_a_cluster_of_three_takes_a_backlog_whose_chains_hold(tmp_path: Path) -> None:
    with nats(tmp_path / "nats", servers=3) as url:
        async with log_on(url, "test", replicas=3) as connection:
            segments = await fill(connection, made.segments(3_000, "b1"))
            assert await fill(connection, made.keys(20, 2)) == 22
            assert await last_sequence(connection, "TRAFFIC") == segments
            report = await verify_chains(connection, ("TRAFFIC", "CONFIG"))
            assert report.faults == []
            assert report.segments == segments + 22


async def test_what_no_stream_takes_is_told(tmp_path: Path) -> None:
    with nats(tmp_path / "nats", sync_always=False) as url:
        async with log_on(url, "test") as connection:
            with pytest.raises(Refused):
                await fill(connection, [("nowhere.at.all", b"", {})])
