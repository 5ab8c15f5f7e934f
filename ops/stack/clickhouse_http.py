"""The ClickHouse HTTP interface as data: requests in, queries and answers out. No sockets and no engine here.

Source: the HTTP interface page of the ClickHouse documentation. Differences: sessions (``session_id``), compression of
answers, the client's own block compression and external tables are not offered; the last two are refused with code 48.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from ops.stack.clickhouse_engine import INFILE_COMPRESSIONS, Query, Result
from ops.stack.clickhouse_sql import Insert, SeveralStatements, parse

SYNTAX_ERROR, NOT_IMPLEMENTED, UNKNOWN_COMPRESSION, QUERY_IS_TOO_LARGE, AUTHENTICATION_FAILED = 62, 48, 89, 191, 516
DEFAULT_FORMAT = "TabSeparated"
# Parameters of the interface itself; every other one is a setting of the query.
_INTERFACE = frozenset(
    {
        *["query", "user", "password", "database", "default_format", "query_id", "session_id", "session_timeout"],
        *["session_check", "close_session", "quota_key", "role", "compress", "decompress", "buffer_size"],
        *["wait_end_of_query", "client_protocol_version", "stacktrace"],
    }
)
_STATUS_BY_CODE = {  # as the server answers; everything else is 500
    **dict.fromkeys([6, 26, 27, 33, 36, 38, 41, 42, 43, 53, 62, 69, 70, 72, 117, 456, 457], 400),
    **dict.fromkeys([16, 46, 47, 50, 60, 63, 73, 81, 111, 115, 117, 218, 219, 482], 404),
    **{57: 409, 48: 501, 159: 408, 194: 401, 192: 403, 193: 403, 497: 403, 516: 403, 164: 403, 191: 413},
}
_CONTENT_TYPES = {
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "Pretty": "text/plain; charset=UTF-8",
    "Vertical": "text/plain; charset=UTF-8",
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")  # in a header's value they would end it


@dataclass
class Request:
    """A request as it came: ``headers`` have lower-case names."""

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    keep_alive: bool = True
    oversized: bool = False


@dataclass(frozen=True, kw_only=True)
class Response:
    """An answer before it is framed."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def encoded(self, *, keep_alive: bool, head: bool = False) -> bytes:
        """The octets on the wire (RFC 9112); without its body in answer to HEAD."""
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {_CONTROL.sub(' ', value)}" for name, value in self.headers.items()]
        lines += [f"Content-Length: {len(self.body)}", f"Connection: {'Keep-Alive' if keep_alive else 'Close'}"]
        framed = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        return framed if head else framed + self.body


class Refused(Exception):
    """A request that never reaches the engine. ``code`` is ClickHouse's number for why."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def parameters_of(request: Request) -> dict[str, str]:
    """The parameters of the URL; octets that are no UTF-8 come as surrogates (PEP 383)."""
    query = urlsplit(request.target).query
    return dict(parse_qsl(query, keep_blank_values=True, errors="surrogateescape"))


def credentials_of(request: Request, parameters: Mapping[str, str]) -> tuple[str, str]:
    """User and password, from ClickHouse's headers, else HTTP Basic (RFC 7617), else the URL."""
    headers = request.headers
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        return headers.get("x-clickhouse-user", "default"), headers.get("x-clickhouse-key", "")
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode("utf-8", "replace").partition(":")
        except binascii.Error:
            return "", ""
        return user, password
    return parameters.get("user", "default"), parameters.get("password", "")


def authenticate(request: Request, parameters: Mapping[str, str], user: str, password: str) -> None:
    """Raises Refused unless the request carries this user and password. Takes the same time for any wrong one."""
    given_user, given_password = credentials_of(request, parameters)
    right_user = hmac.compare_digest(given_user.encode("utf-8", "replace"), user.encode())
    right_password = hmac.compare_digest(given_password.encode("utf-8", "replace"), password.encode())
    if not (right_user and right_password):
        raise Refused(
            AUTHENTICATION_FAILED,
            "Authentication failed: password is incorrect, or there is no user with such name. (AUTHENTICATION_FAILED)",
        )


def query_of(request: Request, parameters: dict[str, str], body: bytes, encoding: str | None) -> Query | None:
    """The query a request asks for; None when it has none. Raises Refused.

    ``encoding`` is the content coding that ``body`` still has; only rows that stand alone in the body may have one.
    """
    if parameters.get("compress", "0") != "0" or parameters.get("decompress", "0") != "0":
        raise Refused(NOT_IMPLEMENTED, "Block compression is not offered here. (NOT_IMPLEMENTED)")
    content_type = request.headers.get("content-type", "")
    if content_type.startswith("multipart/form-data"):
        parameters, body = {**parameters, **_form_fields(content_type, body)}, b""
    text = parameters.get("query", "").encode("utf-8", "surrogateescape")
    sql = text + b"\n" + body if text and body else text or body
    if not sql.strip():
        return None
    try:
        statement = parse(sql)
    except SeveralStatements as error:
        raise Refused(SYNTAX_ERROR, f"Syntax error: {error}. (SYNTAX_ERROR)") from None
    wanted = None if isinstance(statement, Insert) else statement.output_format
    headers = request.headers
    return Query(
        statement=statement,
        output_format=wanted
        or parameters.get("default_format")
        or headers.get("x-clickhouse-format")
        or DEFAULT_FORMAT,
        database=parameters.get("database") or headers.get("x-clickhouse-database"),
        settings={k: v for k, v in parameters.items() if k not in _INTERFACE and not k.startswith("param_")},
        parameters={k.removeprefix("param_"): v for k, v in parameters.items() if k.startswith("param_")},
        read_only=request.method in ("GET", "HEAD"),
        encoding=encoding,
    )


def with_data(query: Query, data: bytes) -> Query:
    """The same INSERT with other rows."""
    assert isinstance(query.statement, Insert)
    return replace(query, statement=replace(query.statement, data=data))


def content_encoding(request: Request) -> str | None:
    """The content coding of the body. Raises Refused for one that is not known."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding not in INFILE_COMPRESSIONS:
        raise Refused(UNKNOWN_COMPRESSION, "Unknown content encoding. (UNKNOWN_COMPRESSION_METHOD)")
    return encoding


def _form_fields(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a multipart/form-data body (RFC 7578). Raises Refused for anything but text fields."""
    found = re.search(r'boundary="?([^";]+)"?', content_type)
    if found is None:
        raise Refused(SYNTAX_ERROR, "A multipart body needs a boundary. (SYNTAX_ERROR)")
    fields: dict[str, str] = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + found[1].encode())[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]*)"', head)
        if name is None or b"filename=" in head:
            raise Refused(NOT_IMPLEMENTED, "External tables are not offered here. (NOT_IMPLEMENTED)")
        fields[name[1].decode("utf-8", "surrogateescape")] = value.decode("utf-8", "surrogateescape")
    return fields


def query_id_of(parameters: Mapping[str, str]) -> str:
    """The query id the client chose, if it can stand in a header, else a new one."""
    chosen = parameters.get("query_id", "")
    return chosen if chosen and chosen.isascii() and chosen.isprintable() else str(uuid.uuid4())


def success(query: Query, result: Result, *, query_id: str, timezone: str) -> Response:
    """The answer to a statement that ran."""
    summary = {
        "read_rows": result.read_rows,
        "read_bytes": result.read_bytes,
        "written_rows": result.written_rows,
        "written_bytes": result.bytes_processed if result.written_rows else 0,
        "total_rows_to_read": 0,
        "result_rows": result.rows,
        "result_bytes": result.bytes_processed,
        "elapsed_ns": result.elapsed_ns,
    }
    return Response(
        headers={
            "Content-Type": _CONTENT_TYPES.get(query.output_format, "application/octet-stream"),
            "X-ClickHouse-Query-Id": query_id,
            "X-ClickHouse-Format": query.output_format,
            "X-ClickHouse-Timezone": timezone,
            "X-ClickHouse-Summary": json.dumps({name: str(value) for name, value in summary.items()}),
        },
        body=result.data,
    )


def failure(code: int, message: str, *, query_id: str, version: str) -> Response:
    """The answer to a request that failed, its text in the body as the server writes it."""
    text = message if message.startswith("Code:") else f"Code: {code}. DB::Exception: {message}"
    return Response(
        status=_STATUS_BY_CODE.get(code, 500),
        headers={
            "Content-Type": "text/plain; charset=UTF-8",
            "X-ClickHouse-Query-Id": query_id,
            "X-ClickHouse-Exception-Code": str(code),
        },
        body=f"{text} (version {version})\n".encode("utf-8", "replace"),
    )


def plain(text: str, status: int = 200) -> Response:
    """A short answer without ClickHouse's headers."""
    return Response(status=status, headers={"Content-Type": "text/plain; charset=UTF-8"}, body=text.encode())
