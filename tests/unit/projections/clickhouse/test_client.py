"""Which of ClickHouse's errors are the data's."""

from __future__ import annotations

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from projections.clickhouse.client import ClickHouse
from schemas.errors import Rejected


class Damaged:
    """A part on its disk is."""

    def query(self, *_: object, **__: object) -> object:
        error = DatabaseError("Cannot read all data. Bytes read: 12. Bytes expected: 64")
        error.code = 33  # type: ignore[attr-defined]
        raise error


async def test_what_cannot_be_read_is_no_messages_fault() -> None:
    store = ClickHouse("http://x")
    store._client = Damaged()  # type: ignore[assignment]
    with pytest.raises(Rejected):
        await store.query("SELECT first, last FROM traffic_position_1")
