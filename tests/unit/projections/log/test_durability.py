"""What is said of the log's durability, from what its servers say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from projections.log.durability import judge_server, judge_streams

AT = "127.0.0.1:8222"


def told(**config: Any) -> bytes:
    return json.dumps(
        {"server_id": "N1", "config": {"store_dir": "/d", "sync_interval": 120_000_000_000, **config}}
    ).encode()


def test_a_server_that_syncs_always_is_durable() -> None:
    assert judge_server(told(sync_always=True), AT) == ("N1", "")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (told(), "acknowledges before it syncs, which it does every 120 s: set `sync_interval: always`"),
        (told(sync_interval=10_000_000_000), "every 10 s"),
        (told(sync_always=False), "acknowledges before it syncs"),
        (told(sync_always=True, store_dir=""), "does not say how JetStream stores"),
        (json.dumps({"server_id": "N1", "disabled": True}).encode(), "does not say how JetStream stores"),
        (json.dumps({"server_id": "N1"}).encode(), "does not say how JetStream stores"),
        (b"<html>", "no monitoring of a NATS server"),
        (b"[]", "no monitoring of a NATS server"),
        (told(sync_always="yes"), "no monitoring of a NATS server"),
    ],
)
def test_whatever_else_it_says_is_not(answer: bytes, reason: str) -> None:
    assert reason in judge_server(answer, AT)[1]


def test_streams_have_to_be_files_written_before_the_acknowledgement() -> None:
    good = {"name": "A", "storage": "file"}
    assert judge_streams([good, {**good, "persist_mode": "default"}]) == ""
    assert "B is kept in memory" in judge_streams([good, {"name": "B", "storage": "memory"}])
    assert "C is kept in memory" in judge_streams([{"name": "C"}])
    assert "D acknowledges before" in judge_streams([{"name": "D", "storage": "file", "persist_mode": "async"}])
