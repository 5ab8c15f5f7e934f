"""What the checkpoints say of what is gone from the front of a stream."""

from __future__ import annotations

import pytest

from projections.log import verify
from projections.log.checkpoints import Series
from schemas.facts.ops import LogCheckpointed, StreamRange

DAY_US = 86_400_000_000
BEGUN_US = 1_700_000_000_000_000


def made(number: int, time_us: int, after: int, through: int) -> LogCheckpointed:
    part = StreamRange("TRAFFIC", after, through, through - after, b"")
    return LogCheckpointed(number, time_us, b"", (part,), (), b"", b"", b"")


async def test_what_grew_old_is_not_missing_because_the_checkpoints_were_late(monkeypatch: pytest.MonkeyPatch) -> None:
    series = Series()
    # for two days none was written while 50,000 messages came, and then one for each 10,000 of them
    late = [made(3 + n, BEGUN_US + 2 * DAY_US + n + 1, 11_000 + n * 10_000, 21_000 + n * 10_000) for n in range(4)]
    series.valid = [made(1, BEGUN_US, 0, 1_000), made(2, BEGUN_US + 2 * DAY_US, 1_000, 11_000), *late]

    async def age(*_: object) -> int:
        return 90 * DAY_US

    monkeypatch.setattr(verify, "shortest_age_us", age)
    # half of them are older than the age by now, and gone
    now_us = BEGUN_US + 91 * DAY_US
    assert await verify._too_young(None, "TRAFFIC", 26_001, series, now_us) == []  # type: ignore[arg-type]
