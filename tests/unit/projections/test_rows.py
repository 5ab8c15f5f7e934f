"""Rows are made of the terminal fact alone, and every store gets the same."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.clickhouse.sink import COLUMNS
from projections.log.opened import HIGHEST
from projections.log.reader import Message
from projections.rows import FINDINGS, KIND_OF, TRAFFIC, Row, rows_of
from schemas.codec import encode_fact, encode_segment, fact
from schemas.envelope import GENESIS
from schemas.errors import Invalid
from schemas.facts.traffic import (
    TERMINALS,
    RequestAbandoned,
    RequestAborted,
    RequestCompleted,
    RequestRefused,
    RequestScreened,
    SealedBody,
    Terminal,
    Usage,
    WriterBeat,
)
from schemas.screening.model import Hit

NOON_US = 1_763_640_000_000_000
"""2025-11-20, 12:00 UTC."""


def message(*data: msgspec.Struct, time_us: int = NOON_US, tenant: str = "acme") -> Message:
    facts = [
        encode_fact(fact(one, id=f"f{number}", time=time_us, tenant=tenant, actor="key:1", correlation=f"r{number}"))
        for number, one in enumerate(data)
    ]
    return Message("TRAFFIC", 7, "traffic.0", encode_segment("traffic.0", "w", "b", 1, GENESIS, facts), time_us, "")


def named(row: Row) -> dict[str, object]:
    return {column.name: value for column, value in zip(TRAFFIC, row, strict=True)}


def test_every_field_of_a_terminal_fact_has_its_column() -> None:
    columns = {column.name for column in TRAFFIC}
    fields = set(Terminal.__struct_fields__) - {"usage", "body"} | set(Usage.__struct_fields__)
    assert fields - columns == set(), "a new field needs a column in projections/rows.py and a migration"
    assert {"body_key", "body_sha256", "body_size"} <= columns


def test_every_kind_of_end_has_a_word() -> None:
    assert set(KIND_OF.values()) == {"completed", "refused", "aborted", "abandoned"}
    assert set(KIND_OF) == TERMINALS


def test_clickhouse_gets_every_column_that_it_does_not_make_itself() -> None:
    made = {"day", "time"}
    assert [name for name, _ in COLUMNS] == [c.name for c in TRAFFIC if c.name not in made] + ["batch"]


def test_a_row_says_what_the_fact_says() -> None:
    end = RequestCompleted(
        key_id="k1",
        model_requested="gpt",
        account="mock",
        model="gpt-4o",
        status=200,
        usage=Usage(10, 20, 3, 4, True),
        cost_micros=55,
        budgets=("a", "b"),
        body=SealedBody("sub", "key-2", b"n", b"cipher", b"\xab\xcd", 99),
        cache="hit",
    )
    rows = rows_of([message(WriterBeat(0, 0), end)])
    row = named(rows.traffic[0])
    assert rows.facts == 2 and len(rows.traffic) == 1
    assert row["day"] == date(2025, 11, 20) and row["time"] == datetime(2025, 11, 20, 12, tzinfo=UTC)
    assert (row["request_id"], row["fact_id"], row["sequence"], row["position"]) == ("r1", "f1", 7, 1)
    assert (row["kind"], row["tenant"], row["key_id"], row["cache"]) == ("completed", "acme", "k1", "hit")
    assert (row["input_tokens"], row["output_tokens"], row["cached_tokens"], row["reasoning_tokens"]) == (10, 20, 3, 4)
    assert (row["estimated"], row["cost_micros"], row["budgets"]) == (True, 55, ["a", "b"])
    assert (row["body_key"], row["body_sha256"], row["body_size"]) == ("key-2", "abcd", 99)
    assert "cipher" not in str(row)


@pytest.mark.parametrize("shape", [RequestCompleted, RequestRefused, RequestAborted, RequestAbandoned])
def test_each_kind_of_end_is_a_row(shape: type[Terminal]) -> None:
    (row,) = rows_of([message(shape())]).traffic
    assert named(row)["kind"] == shape.__name__.removeprefix("Request").lower()


def test_each_hit_of_a_screening_is_a_row_and_no_hit_is_none() -> None:
    hits = (Hit("pii.email", "redact", 0, 3, 9), Hit("pii.iban", "block", 1, 0, 22, "hard"))
    rows = rows_of(
        [
            message(
                RequestScreened("request", "block", "pii.iban", "core", hits, 100),
                RequestScreened("response", "approve", "", "core", (), 50),
            )
        ]
    )
    found = [dict(zip([c.name for c in FINDINGS], row, strict=True)) for row in rows.findings]
    assert [(row["hit"], row["hit_rule"], row["hit_action"], row["text"], row["first"], row["last"]) for row in found] \
        == [(0, "pii.email", "redact", 0, 3, 9), (1, "pii.iban", "block", 1, 0, 22)]  # fmt: skip
    assert [row["hit_severity"] for row in found] == ["", "hard"]
    assert {(row["log"], row["sequence"], row["stage"], row["rule"], row["characters"]) for row in found} == {
        ("TRAFFIC", 7, "request", "pii.iban", 100)
    }


@given(st.text(), st.integers(-(2**63), 2**64 - 1))
def test_whatever_a_fact_holds_fits_into_both_stores(text: str, number: int) -> None:
    end = RequestCompleted(model_requested=text, budgets=(text,), usage=Usage(number), cost_micros=number)
    try:
        sent = message(end, tenant=text)
    except UnicodeEncodeError:
        return  # a lone surrogate cannot be written to the log at all
    if len(text) > 450 or not 0 <= number <= HIGHEST:
        with pytest.raises(Invalid):
            rows_of([sent])
        return
    row = named(rows_of([sent]).traffic[0])
    for value in (row["model_requested"], row["tenant"], row["budgets"][0]):  # type: ignore[index]
        assert isinstance(value, str) and "\x00" not in value and value == text.replace("\x00", "\ufffd")
    assert row["cost_micros"] == row["input_tokens"] == number


@given(st.integers(-(2**63), 2**64 - 1))
def test_an_absurd_number_that_is_no_money_is_the_largest_that_stores_hold(number: int) -> None:
    row = named(rows_of([message(RequestCompleted(latency_us=number, request_bytes=number))]).traffic[0])
    assert row["latency_us"] == row["request_bytes"] == min(number, 2**63 - 1)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\xc1",
        b"not a segment, sk-secret",
        encode_segment("traffic.0", "w", "b", 1, GENESIS, [msgspec.msgpack.encode(["x"])]),
    ],
)
def test_bytes_that_say_nothing_are_invalid_and_not_quoted(broken: bytes) -> None:
    with pytest.raises(Invalid) as raised:
        rows_of([Message("TRAFFIC", 3, "traffic.0", broken, 0, "")])
    assert "TRAFFIC:3" in str(raised.value) and "secret" not in str(raised.value)


@pytest.mark.parametrize("time_us", [-(2**62), 2**62])
def test_a_time_outside_of_the_calendar_is_invalid(time_us: int) -> None:
    with pytest.raises(Invalid):
        rows_of([message(RequestCompleted(), time_us=time_us)])
