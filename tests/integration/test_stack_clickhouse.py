"""The ClickHouse interface of the embedded stack, as its real client and a plain HTTP client meet it."""

from __future__ import annotations

import base64
import datetime
import http.client
import os
import signal
import threading
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import clickhouse_connect
import lz4.frame
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from ops.stack.process import State
from tests.stack_fixture import StackThread
from tests.waiting import until_sync

COLUMNS = ["ts", "tenant", "id", "tokens", "model", "labels"]
EVENTS = """
CREATE TABLE events (ts DateTime64(6, 'UTC'), tenant LowCardinality(String), id UUID, tokens UInt64,
                     model Nullable(String), labels Map(String, String))
ENGINE = MergeTree ORDER BY (tenant, ts) SETTINGS non_replicated_deduplication_window = 1000
"""


@pytest.fixture
def client(stack: StackThread) -> Iterator[Client]:
    """A client on a database of the test's own."""
    name = f"test_{uuid.uuid4().hex}"
    url = stack.endpoints["clickhouse"]
    with clickhouse_connect.get_client(dsn=url, compress=False) as outside:
        outside.command(f"CREATE DATABASE {name}")
        with clickhouse_connect.get_client(dsn=url, database=name, compress=False) as inside:
            yield inside
        outside.command(f"DROP DATABASE {name}")


def events(count: int) -> list[list[Any]]:
    """Rows with everything that could be garbled on the way."""
    when = datetime.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=datetime.UTC)
    return [
        [when, f"t{n % 3}", uuid.UUID(int=n), n, None if n % 2 else "it's\n\t\\ ü", {"k": "v;"}] for n in range(count)
    ]


class Answer:
    """What a plain HTTP client got."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status, self.headers, self.body = response.status, response.headers, response.read()


def ask(stack: StackThread, method: str, target: str, body: bytes | None = None, **headers: str) -> Answer:
    """One request, with the password unless the target or the headers bring other credentials."""
    url = urlsplit(stack.endpoints["clickhouse"])
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if "Authorization" not in sent and "X-ClickHouse-User" not in sent and "user=" not in target:
        login = f"{url.username}:{url.password}".encode()
        sent["Authorization"] = "Basic " + base64.b64encode(login).decode()
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=30)
    try:
        connection.request(method, target, body, sent)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def test_rows_go_in_and_come_out(client: Client) -> None:
    client.command(EVENTS)
    rows = events(1000)
    summary = client.insert("events", rows, column_names=COLUMNS)
    assert summary.written_rows == 1000
    found = client.query("SELECT * FROM events ORDER BY tokens").result_rows
    # the client gives times of UTC columns without their zone
    assert [[row[0].replace(tzinfo=datetime.UTC), *row[1:]] for row in found] == rows


@pytest.mark.parametrize("compression", ["lz4", "zstd", "gzip"])
def test_compressed_rows_go_in(stack: StackThread, client: Client, compression: str) -> None:
    client.command(EVENTS)
    url = stack.endpoints["clickhouse"]
    with clickhouse_connect.get_client(dsn=url, database=client.database, compress=compression) as compressing:
        compressing.insert("events", events(100), column_names=COLUMNS)
    assert client.command("SELECT sum(tokens) FROM events") == sum(range(100))


def test_parts_that_were_merged_are_cleared_away_soon(client: Client) -> None:
    found = client.query("SELECT value FROM system.merge_tree_settings WHERE name = 'max_cleanup_delay_period'")
    assert found.result_rows == [("30",)]


def test_compressed_data_beside_its_statement(stack: StackThread, client: Client) -> None:
    client.command("CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a")
    query = quote(f"INSERT INTO {client.database}.t FORMAT CSV")
    answer = ask(stack, "POST", f"/?query={query}", lz4.frame.compress(b"1\n2\n"), Content_Encoding="lz4")
    assert (answer.status, client.command("SELECT sum(a) FROM t")) == (200, 3)


def test_a_token_makes_an_insert_count_once(client: Client) -> None:
    client.command(EVENTS)
    # the target of a view recognises repeats only when it has a window of its own
    client.command(
        "CREATE TABLE spend (tenant String, tokens UInt64, requests UInt64) ENGINE = SummingMergeTree ORDER BY tenant "
        "SETTINGS non_replicated_deduplication_window = 1000"
    )
    client.command(
        "CREATE MATERIALIZED VIEW spend_view TO spend AS "
        "SELECT tenant, sum(tokens) AS tokens, count() AS requests FROM events GROUP BY tenant"
    )
    for token in ("a", "a", "b", "a", "b"):
        settings = {"insert_deduplication_token": token}
        client.insert("events", events(300), column_names=COLUMNS, settings=settings)
    expected = [("t0", 200, 2 * sum(range(0, 300, 3))), ("t1", 200, 2 * sum(range(1, 300, 3)))]
    expected += [("t2", 200, 2 * sum(range(2, 300, 3)))]
    for table in (
        "SELECT tenant, count(), sum(tokens) FROM events",
        "SELECT tenant, sum(requests), sum(tokens) FROM spend",
    ):
        assert client.query(f"{table} GROUP BY tenant ORDER BY tenant").result_rows == expected


def test_parameters_are_values_not_sql(client: Client) -> None:
    values = {"s": "it's\n\\'; DROP TABLE x; --", "n": None, "l": ["a'", "b\\"], "d": datetime.datetime(2026, 1, 1)}
    sql = "SELECT {s:String}, {n:Nullable(String)}, {l:Array(String)}, {d:DateTime}"
    assert client.query(sql, parameters=values).result_rows == [tuple(values.values())]
    long = "y" * 300_000  # travels as a form field
    assert client.query("SELECT {s:String}", parameters={"s": long}).result_rows == [(long,)]


def test_settings_last_for_one_request(client: Client) -> None:
    read = "SELECT getSetting('max_block_size')"
    ordinary = client.command(read)
    assert client.command(read, settings={"max_block_size": 1234}) == 1234
    client.command("SET max_block_size = 99")
    assert client.command(read) == ordinary


def test_insert_with_its_values_in_the_statement(client: Client) -> None:
    client.command("CREATE TABLE t (a UInt8, s String) ENGINE = MergeTree ORDER BY a")
    client.command("INSERT INTO t VALUES (1, 'a;b'), (2, 'c')\n\n, (3, {s:String})", parameters={"s": "d"})
    client.command("INSERT INTO t SELECT a + 10, s FROM t")
    client.raw_insert("t", ["a", "s"], b"4\tx\n", fmt="TabSeparated")
    assert client.command("SELECT sum(a), count() FROM t") == ["46", "7"]


def test_a_large_result_streams_into_the_client(client: Client) -> None:
    with client.query_row_block_stream("SELECT number, toString(number) FROM numbers(300000)") as blocks:
        assert sum(len(block) for block in blocks) == 300_000


@pytest.mark.parametrize(
    ("sql", "code", "name"),
    [
        ("SELECT nothing", 47, "UNKNOWN_IDENTIFIER"),
        ("SELECT 1 FROM nowhere", 60, "UNKNOWN_TABLE"),
        ("SELECT FROM FROM", 62, "SYNTAX_ERROR"),
        ("SELECT throwIf(1)", 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        ("SELECT 1; SELECT 2", 62, "SYNTAX_ERROR"),
        ("INSERT INTO nowhere VALUES (1)", 60, "UNKNOWN_TABLE"),
    ],
)
def test_errors_carry_their_code(client: Client, sql: str, code: int, name: str) -> None:
    with pytest.raises(DatabaseError, match=name) as failure:
        client.command(sql)
    assert failure.value.code == code


def test_an_unknown_setting_and_an_unknown_database_are_errors(stack: StackThread) -> None:
    for target, code in (("/?nonsense=1", 115), ("/?database=nowhere", 81)):
        answer = ask(stack, "POST", target, b"SELECT 1")
        assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (404, str(code))


def test_a_plain_http_client_gets_what_it_asks_for(stack: StackThread) -> None:
    url = urlsplit(stack.endpoints["clickhouse"])
    login = {"user": url.username or "", "password": url.password or ""}
    answer = ask(stack, "GET", "/?" + urlencode({**login, "query": "SELECT 1, 'x'"}))
    assert (answer.status, answer.body) == (200, b"1\tx\n")
    keys = {"X_ClickHouse_User": login["user"], "X_ClickHouse_Key": login["password"]}
    answer = ask(stack, "POST", "/?default_format=JSONEachRow&query_id=mine", b"SELECT 1 AS a", **keys)
    assert answer.body == b'{"a":1}\n'
    assert answer.headers["X-ClickHouse-Format"] == "JSONEachRow"
    assert answer.headers["X-ClickHouse-Query-Id"] == "mine"
    assert answer.headers["X-ClickHouse-Timezone"] == "UTC"
    assert "elapsed_ns" in answer.headers["X-ClickHouse-Summary"]
    assert ask(stack, "POST", "/", b"SELECT '\xff' FORMAT RawBLOB").body == b"\xff"
    assert ask(stack, "GET", "/ping", Authorization="none").body == b"Ok.\n"
    assert ask(stack, "GET", "/nowhere").status == 404


def test_a_wrong_password_is_refused(stack: StackThread) -> None:
    for target in ("/?query=SELECT+1&user=nexus&password=wrong", "/?query=SELECT+1&user=default"):
        answer = ask(stack, "GET", target)
        assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "516")
    with pytest.raises(DatabaseError, match="516"):
        clickhouse_connect.get_client(dsn=stack.endpoints["clickhouse"].replace("nexus:", "nexus:x"))


def test_get_cannot_change_anything(stack: StackThread, client: Client) -> None:
    client.command("CREATE TABLE t (a UInt8) ENGINE = Memory")
    answer = ask(stack, "GET", f"/?query=DROP+TABLE+{client.database}.t")
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "164")
    assert client.command("EXISTS TABLE t") == 1


def test_requests_of_one_connection_are_answered_in_order(stack: StackThread) -> None:
    url = urlsplit(stack.endpoints["clickhouse"])
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=30)
    login = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
    connection.connect()
    requests = [
        f"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {login}\r\nContent-Length: 8\r\n\r\nSELECT {n}"
        for n in range(5)
    ]
    connection.sock.sendall("".join(requests).encode())
    with connection.sock.makefile("rb") as answers:
        for n in range(5):
            length = 0
            while (line := answers.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            assert answers.read(length) == f"{n}\n".encode()
    connection.close()


def test_no_acknowledged_row_is_lost_by_a_kill(stack: StackThread, client: Client) -> None:
    client.command(EVENTS)
    pid = stack.pid("clickhouse")
    assert pid is not None
    acknowledged: list[int] = []
    stop = threading.Event()

    def write(worker: int) -> None:
        url = stack.endpoints["clickhouse"]
        number = worker * 1_000_000
        with clickhouse_connect.get_client(dsn=url, database=client.database, compress=False) as own:
            while not stop.is_set():
                row = [*events(1)[0][:3], number, None, {}]
                try:
                    own.insert(
                        "events", [row], column_names=COLUMNS, settings={"insert_deduplication_token": str(number)}
                    )
                except OperationalError:
                    return
                acknowledged.append(number)
                number += 1

    writers = [threading.Thread(target=write, args=(worker,)) for worker in range(3)]
    for writer in writers:
        writer.start()
    until_sync(lambda: len(acknowledged) >= 60, "rows are written")
    os.kill(pid, signal.SIGKILL)
    for writer in writers:
        writer.join(30)
    stop.set()

    def back() -> bool:
        status = next(one for one in stack.stack.supervisor.status() if one.name == "clickhouse")
        return status.state is State.READY and status.pid != pid

    until_sync(back, "clickhouse serves again")
    kept = {tokens for (tokens,) in client.query("SELECT tokens FROM events").result_rows}
    assert set(acknowledged) <= kept
    assert len(kept - set(acknowledged)) <= len(writers), "at most the insert in flight of each may be there as well"


def test_queries_run_beside_each_other_and_a_stop_lets_them_finish(stack: StackThread) -> None:
    pid = stack.pid("clickhouse")
    assert pid is not None
    answers: list[Answer] = []
    marker = f"running_{uuid.uuid4().hex}"
    sql = f"SELECT sum(1 + sleepEachRow(0.5)) AS {marker} FROM numbers(2)".encode()
    query = threading.Thread(target=lambda: answers.append(ask(stack, "POST", "/", sql)))
    query.start()
    seen = (
        f"SELECT count() FROM system.processes WHERE query LIKE '%{marker}%' AND query NOT LIKE '%processes%'".encode()
    )
    until_sync(lambda: ask(stack, "POST", "/", seen).body == b"1\n", "the query runs")
    os.kill(pid, signal.SIGTERM)
    query.join(30)
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"2\n")]
    until_sync(lambda: stack.pid("clickhouse") not in (None, pid), "the supervisor starts it again")
