"""The record of one request: whatever a provider says, its end fits into the log."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from ingress.gateway.record import OpenRequests, Record
from schemas.facts import traffic
from schemas.ids import Ids, SystemClock


class Writer:
    """Stands for the log's: keeps what it is given."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.healthy = True
        self.written: list[bytes] = []

    def append_written(self, subject: str, encoded: list[bytes], *rest: Any, **more: Any) -> None:
        self.written += encoded

    def append(self, subject: str, facts: Any, **more: Any) -> asyncio.Future[int]:
        self.written += [msgspec.msgpack.encode(each) for each in facts]
        return self.loop.create_future()


async def test_why_an_answer_ended_is_a_word_that_there_is() -> None:
    writer, clock = Writer(), SystemClock()
    opened = OpenRequests("w", "b")
    record = Record([writer], clock, opened, Ids(clock))  # type: ignore[list-item]
    (record.summary if hasattr(record, "summary") else record).finish_reason = "stop" * 3_000_000
    record.close(traffic.RequestCompleted, status=200)
    assert record.closed
    (ended,) = writer.written
    assert len(ended) < 1_000 and b"stop" not in ended and b"other" in ended
