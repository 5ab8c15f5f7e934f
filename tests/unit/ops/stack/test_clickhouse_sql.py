"""Where a statement ends and its data begins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.stack.clickhouse_sql import Insert, SeveralStatements, Statement, parse, quoted, quoted_identifier


@pytest.mark.parametrize(
    ("sql", "head", "tail", "data"),
    [
        (b"INSERT INTO t FORMAT Native\n\x01\n;'", b"INSERT INTO t ", b"FORMAT Native", b"\x01\n;'"),
        (b"insert into d.t (a, b) format TSV  \r\n1\t2\n", b"insert into d.t (a, b) ", b"format TSV", b"1\t2\n"),
        (b"INSERT INTO t FORMAT CSV\n\n1", b"INSERT INTO t ", b"FORMAT CSV", b"\n1"),
        (b"INSERT INTO t VALUES (1, ';')", b"INSERT INTO t ", b"FORMAT Values", b" (1, ';')"),
        (
            b"INSERT INTO t SETTINGS a = 'FORMAT x', b = (1, 2) FORMAT JSONEachRow {}",
            b"INSERT INTO t ",
            b"SETTINGS a = 'FORMAT x', b = (1, 2) FORMAT JSONEachRow",
            b"{}",
        ),
        (
            b"INSERT INTO t SETTINGS a=1 VALUES (1)",
            b"INSERT INTO t ",
            b"SETTINGS a=1 FORMAT Values",
            b" (1)",
        ),
        (b"INSERT INTO format FORMAT CSV\n1", b"INSERT INTO format ", b"FORMAT CSV", b"1"),
        (b"INSERT INTO d.values VALUES (1)", b"INSERT INTO d.values ", b"FORMAT Values", b" (1)"),
        (b'INSERT INTO t (`values`, "format", select) FORMAT CSV\n', None, b"FORMAT CSV", b""),
        (b"-- VALUES\n/* FORMAT CSV */ INSERT INTO TABLE t FORMAT CSV\n1", None, b"FORMAT CSV", b"1"),
        (b"INSERT INTO FUNCTION null('a UInt8') VALUES (1)", None, b"FORMAT Values", b" (1)"),
    ],
)
def test_an_insert_is_taken_apart(sql: bytes, head: bytes | None, tail: bytes, data: bytes) -> None:
    insert = parse(sql)
    assert isinstance(insert, Insert)
    assert (insert.tail, insert.data) == (tail, data)
    if head is not None:
        assert insert.head == head


@pytest.mark.parametrize(
    ("sql", "text", "output_format"),
    [
        (b"SELECT 1", b"SELECT 1", None),
        (b"SELECT 1 FORMAT JSON ; -- done", b"SELECT 1 FORMAT JSON ", "JSON"),
        (b"SELECT ';', \"a;b\", `c;`, $x$;$x$, 'it''s;', '\\';' /* ; */ -- ;\n", None, None),
        (b"SELECT * FROM (SELECT 1 FORMAT x)", None, None),
        (b"SELECT 'FORMAT JSON'", None, None),
        (b"INSERT INTO t SELECT * FROM u", None, None),
        (b"INSERT INTO t (a) WITH x AS (SELECT 1) SELECT * FROM x", None, None),
        (b"INSERT INTO t FROM INFILE 'f' FORMAT CSV", None, "CSV"),
        (b"CREATE TABLE t (values UInt8, format String) ENGINE = Memory", None, None),
        (b"", b"", None),
    ],
)
def test_another_statement_is_left_whole(sql: bytes, text: bytes | None, output_format: str | None) -> None:
    assert parse(sql) == Statement(sql if text is None else text, output_format)


@pytest.mark.parametrize("sql", [b"SELECT 1; SELECT 2", b"SELECT 1;;", b"INSERT INTO t SELECT 1; DROP TABLE t"])
def test_several_statements_are_refused(sql: bytes) -> None:
    with pytest.raises(SeveralStatements):
        parse(sql)


@given(st.binary(), st.sampled_from([b"Native", b"RowBinary", b"TSV"]))
def test_data_comes_through_untouched(data: bytes, name: bytes) -> None:
    insert = parse(b"INSERT INTO t (a) FORMAT " + name + b"\n" + data)
    assert isinstance(insert, Insert) and insert.data == data


@given(st.binary())
def test_anything_can_be_read(sql: bytes) -> None:
    try:
        statement = parse(sql)
    except SeveralStatements:
        return
    text = statement.text if isinstance(statement, Statement) else statement.head
    assert sql.startswith(text)


@given(st.text(), st.sampled_from([quoted, quoted_identifier]))
def test_quoting_leaves_one_token(text: str, quote: object) -> None:
    literal = quote(text)  # type: ignore[operator]
    assert parse(b"SELECT " + literal + b" FORMAT JSON") == Statement(b"SELECT " + literal + b" FORMAT JSON", "JSON")
