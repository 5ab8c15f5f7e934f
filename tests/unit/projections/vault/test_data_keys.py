"""An answer of the bucket that is older than what was heard meanwhile is not kept. The bucket here is in memory."""

from __future__ import annotations

from typing import Any

import pytest

from projections.log import api
from projections.log.api import Ack, Stored
from projections.vault import Erased, Vault, periods
from projections.vault.data_keys import DataKeys, place_of

NOW_US = 1_800_000_000_000_000


class StoppedClock:
    """Time moves when the test says so."""

    def __init__(self, now_us: int = NOW_US) -> None:
        self.us = now_us

    def now_us(self) -> int:
        return self.us

    def monotonic(self) -> float:
        return 1.0


def place(subject: str) -> str:
    return place_of("acme", subject, periods.at(NOW_US))


PLACE = place("sub_1")


class Connected:
    connected = True


class Bucket:
    """Keeps the last message, and has something happen after each question was answered."""

    def __init__(self) -> None:
        self.stored: Stored | None = None
        self.afterwards: Any = None

    async def get_message(self, connection: Any, stream: str, *, last_of: str) -> Stored | None:
        answer = self.stored
        if self.afterwards is not None:
            happens, self.afterwards = self.afterwards, None
            happens()
        return answer

    async def publish(self, connection: Any, subject: str, payload: bytes, headers: dict[str, str]) -> Ack:
        self.stored = Stored(1 if self.stored is None else self.stored.sequence + 1, subject, payload, "", "")
        return Ack("KV_vault", self.stored.sequence)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    made = Bucket()
    monkeypatch.setattr(api, "get_message", made.get_message)
    monkeypatch.setattr(api, "publish", made.publish)
    return made


def keys(bound: int = 10, clock: StoppedClock | None = None) -> DataKeys:
    return DataKeys(Connected(), Vault(bytes(32)), clock or StoppedClock(), bound=bound, trust_s=3600.0)  # type: ignore[arg-type]


async def test_a_key_whose_erasure_is_heard_of_during_the_question_is_not_kept(bucket: Bucket) -> None:
    id = (await keys().to_seal("acme", "sub_1")).id
    reader = keys()
    bucket.afterwards = lambda: reader.noticed(PLACE, b"")
    assert (await reader.to_open("acme", "sub_1", id)).id == id
    assert reader.known("acme", "sub_1") is None
    bucket.stored = None
    with pytest.raises(Erased):
        await reader.to_open("acme", "sub_1", id)


async def test_a_key_that_another_has_replaced_is_dropped(bucket: Bucket) -> None:
    reader = keys()
    await reader.to_seal("acme", "sub_1")
    bucket.stored = None
    await keys().to_seal("acme", "sub_1")
    assert bucket.stored is not None
    reader.noticed(PLACE, bucket.stored.payload)
    assert reader.known("acme", "sub_1") is None


async def test_hearing_of_the_own_key_or_of_others_changes_nothing(bucket: Bucket) -> None:
    reader = keys()
    known = await reader.to_seal("acme", "sub_1")
    assert bucket.stored is not None
    reader.noticed(PLACE, bucket.stored.payload)
    reader.noticed(place("sub_2"), b"")
    reader.noticed("$KV.vault.nonsense", b"nonsense")
    assert reader.known("acme", "sub_1") == known


async def test_names_are_forgotten_with_their_keys(bucket: Bucket) -> None:
    reader = keys(bound=2)
    for number in range(5):
        bucket.stored = None
        await reader.to_seal("acme", f"sub_{number}")
    known = [number for number in range(5) if reader.known("acme", f"sub_{number}")]
    assert known == [3, 4]
    for number in range(5):
        reader.noticed(place(f"sub_{number}"), b"")
    assert not any(reader.known("acme", f"sub_{number}") for number in range(5))


async def test_after_a_gap_everything_is_forgotten(bucket: Bucket) -> None:
    reader = keys()
    await reader.to_seal("acme", "sub_1")
    reader.forget_all()
    assert reader.known("acme", "sub_1") is None
    reader.noticed(PLACE, b"")


async def test_each_week_has_a_key_of_its_own(bucket: Bucket) -> None:
    clock = StoppedClock(periods.start_us(NOW_US))
    sealing = keys(clock=clock)
    first = await sealing.to_seal("acme", "sub_1")
    clock.us += periods.WEEK_US - 1
    assert sealing.known("acme", "sub_1") == first
    clock.us += 1
    assert sealing.known("acme", "sub_1") is None
    bucket.stored = None
    second = await sealing.to_seal("acme", "sub_1")
    assert periods.of_key(first.id) != periods.of_key(second.id) == periods.at(clock.us)
    assert sealing.known("acme", "sub_1") == second
    # of the first week nothing is remembered
    sealing.noticed(PLACE, b"")
    assert sealing.known("acme", "sub_1") == second
