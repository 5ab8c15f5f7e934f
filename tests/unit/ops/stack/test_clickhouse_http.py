"""The ClickHouse HTTP interface without sockets and without an engine."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from ops.stack import clickhouse_http as http
from ops.stack.clickhouse_engine import Query, Result
from ops.stack.clickhouse_sql import Insert, Statement

RESULT = Result(
    data=b"1\n", rows=1, bytes_processed=8, read_rows=5, read_bytes=40, written_rows=0, elapsed_ns=1_000_000
)


def asked(request: http.Request, encoding: str | None = None) -> Query:
    query = http.query_of(request, http.parameters_of(request), request.body, encoding)
    assert query is not None
    return query


def post(target: str, body: bytes = b"", **headers: str) -> http.Request:
    return http.Request("POST", target, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def test_a_body_is_a_statement() -> None:
    query = asked(post("/", b"SELECT 1"))
    assert query.statement == Statement(b"SELECT 1")
    assert (query.output_format, query.database, query.read_only) == ("TabSeparated", None, False)


def test_a_statement_in_the_url_takes_its_data_from_the_body() -> None:
    query = asked(post("/?query=INSERT+INTO+t+FORMAT+CSV", b"1,2\n"))
    assert query.statement == Insert(b"INSERT INTO t ", b"FORMAT CSV", b"1,2\n")


def test_parameters_settings_and_circumstances_are_told_apart() -> None:
    target = (
        "/?query=SELECT+{a:String}&param_a=x%27%0A%FF&database=d&default_format=JSON&max_threads=1"
        "&insert_deduplication_token=k&session_id=s&query_id=q&wait_end_of_query=1&client_protocol_version=54405"
    )
    query = asked(post(target))
    assert query.parameters == {"a": "x'\n\udcff"}
    assert query.settings == {"max_threads": "1", "insert_deduplication_token": "k"}
    assert (query.database, query.output_format) == ("d", "JSON")


def test_a_format_clause_wins_over_the_default() -> None:
    assert asked(post("/?default_format=JSON", b"SELECT 1 FORMAT CSV")).output_format == "CSV"
    assert asked(post("/", b"SELECT 1", x_clickhouse_format="Native")).output_format == "Native"


def test_get_may_only_read() -> None:
    assert asked(http.Request("GET", "/?query=SELECT+1")).read_only


def test_a_form_carries_the_statement_and_its_parameters() -> None:
    body = (
        b'--b1\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT {a:String}\r\n'
        b'--b1\r\nContent-Disposition: form-data; name="param_a"\r\n\r\nx\r\ny\r\n--b1--\r\n'
    )
    query = asked(post("/", body, content_type="multipart/form-data; boundary=b1"))
    assert query.statement == Statement(b"SELECT {a:String}")
    assert query.parameters == {"a": "x\r\ny"}


def test_external_tables_are_refused() -> None:
    body = b'--b1\r\nContent-Disposition: form-data; name="t"; filename="t"\r\n\r\n1\r\n--b1--\r\n'
    with pytest.raises(http.Refused) as refusal:
        asked(post("/?query=SELECT+1", body, content_type='multipart/form-data; boundary="b1"'))
    assert refusal.value.code == 48


@pytest.mark.parametrize("target", ["/?compress=1", "/?decompress=1"])
def test_block_compression_is_refused(target: str) -> None:
    with pytest.raises(http.Refused) as refusal:
        asked(post(target, b"SELECT 1"))
    assert refusal.value.code == 48


def test_several_statements_are_a_syntax_error() -> None:
    with pytest.raises(http.Refused) as refusal:
        asked(post("/", b"SELECT 1; SELECT 2"))
    assert refusal.value.code == 62


def test_content_codings() -> None:
    assert http.content_encoding(post("/")) is None
    assert http.content_encoding(post("/", content_encoding="LZ4")) == "lz4"
    with pytest.raises(http.Refused) as refusal:
        http.content_encoding(post("/", content_encoding="x-own"))
    assert refusal.value.code == 89


def basic(text: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/", {"x-clickhouse-user": "nexus", "x-clickhouse-key": "päss:w"}),
        ("/", basic("nexus:päss:w")),
        ("/?user=nexus&password=p%C3%A4ss%3Aw", {}),
        ("/?user=x&password=y", basic("nexus:päss:w")),
    ],
)
def test_the_right_password_lets_in(target: str, headers: dict[str, str]) -> None:
    request = http.Request("POST", target, headers)
    http.authenticate(request, http.parameters_of(request), "nexus", "päss:w")


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/", {}),
        ("/?user=nexus", {}),
        ("/?password=right", {}),
        ("/", basic("nexus:wrong")),
        ("/", basic("other:right")),
        ("/", {"authorization": "Basic !"}),
        ("/", {"authorization": "Bearer right"}),
        ("/?user=nexus&password=right", {"x-clickhouse-user": "nexus"}),
    ],
)
def test_anything_else_is_refused(target: str, headers: dict[str, str]) -> None:
    request = http.Request("POST", target, headers)
    with pytest.raises(http.Refused) as refusal:
        http.authenticate(request, http.parameters_of(request), "nexus", "right")
    assert refusal.value.code == 516
    assert "right" not in str(refusal.value)


def headers_of(octets: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = octets.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    return first, dict(line.split(": ", 1) for line in rest), body


def test_a_success_says_what_the_client_reads() -> None:
    response = http.success(asked(post("/", b"SELECT 1")), RESULT, query_id="q1", timezone="UTC")
    status, headers, body = headers_of(response.encoded(keep_alive=True))
    assert (status, body) == ("HTTP/1.1 200 OK", b"1\n")
    assert headers["X-ClickHouse-Query-Id"] == "q1"
    assert headers["X-ClickHouse-Format"] == "TabSeparated"
    assert headers["X-ClickHouse-Timezone"] == "UTC"
    assert headers["Content-Length"] == "2"
    summary: dict[str, Any] = json.loads(headers["X-ClickHouse-Summary"])
    assert summary["read_rows"] == "5" and summary["elapsed_ns"] == "1000000"


def test_head_has_no_body() -> None:
    response = http.plain("Ok.\n")
    assert headers_of(response.encoded(keep_alive=False, head=True))[2] == b""


@pytest.mark.parametrize(("code", "status"), [(60, 404), (62, 400), (516, 403), (241, 500), (57, 409)])
def test_a_failure_carries_its_code(code: int, status: int) -> None:
    response = http.failure(code, f"Code: {code}. DB::Exception: why. (NAME)", query_id="q", version="26.5")
    first, headers, body = headers_of(response.encoded(keep_alive=True))
    assert first.split()[1] == str(status)
    assert headers["X-ClickHouse-Exception-Code"] == str(code)
    assert body.decode() == f"Code: {code}. DB::Exception: why. (NAME) (version 26.5)\n"


def test_a_query_id_cannot_break_out_of_its_header() -> None:
    assert http.query_id_of({"query_id": "mine-1"}) == "mine-1"
    assert "\r" not in http.query_id_of({"query_id": "a\r\nX-Evil: 1"})


def test_a_value_cannot_break_out_of_its_header() -> None:
    octets = http.Response(headers={"X-ClickHouse-Format": "a\r\nX-Evil: 1"}).encoded(keep_alive=True)
    assert "X-Evil" not in headers_of(octets)[1]
