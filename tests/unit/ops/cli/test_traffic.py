"""`nexus traffic`: what is asked of the admin plane, and how the answer is told."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from ingress.admin.request_trail import entry
from ops.cli.main import run
from ops.cli.traffic import as_text
from projections.rows import TRAFFIC, finding_rows, traffic_row
from schemas.codec import open_fact
from schemas.envelope import Position
from schemas.facts.traffic import RequestCompleted
from schemas.registry import NAME_OF
from tests.golden.examples import EXAMPLES
from tests.golden.files import example
from tests.unit.ops.cli.admin_fixture import Admin


def row() -> dict[str, Any]:
    """A row as the admin plane tells it."""
    (end,) = (data for data in EXAMPLES if isinstance(data, RequestCompleted))
    fact = example(end)
    values = traffic_row(97, 3, fact, open_fact(fact))
    named = {column.name: value for column, value in zip(TRAFFIC, values, strict=True)}
    told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(named))
    return told


def request(**other: Any) -> dict[str, Any]:
    """One request with a trail of every fact of TRAFFIC."""
    trail = [
        msgspec.to_builtins(entry((Position("TRAFFIC", at), example(data))))
        for at, data in enumerate(EXAMPLES)
        if NAME_OF[type(data)].startswith(("request.", "provider.called"))
    ]
    return {"id": row()["request_id"], "open": False, "row": row(), "findings": [], "trail": trail, **other}


def test_filters_become_parameters(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    admin.answers.append((200, {"data": [], "next_cursor": None}))
    options = "--tenant acme --key k --model m --account a --kind refused --status 429 --code c --limit 7 --cursor x"
    times = ["--since", "2026-11-20T12:00Z", "--until", "2026-11-20T13:00:00.5Z"]
    assert run(["traffic", "ls", *options.split(), *times, "--data", str(admin.data)]) == 0
    asked = {name: value for name, (value,) in parse_qs(urlsplit(admin.asked[0][1]).query).items()}
    assert asked == {
        "tenant": "acme",
        "key": "k",
        "model": "m",
        "account": "a",
        "kind": "refused",
        "status": "429",
        "code": "c",
        "limit": "7",
        "cursor": "x",
        "since": "1795176000000000",
        "until": "1795179600500000",
    }
    assert capsys.readouterr().err == "no requests\n"


def test_the_list_for_people(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    admin.answers.append((200, {"data": [row()], "next_cursor": "abc"}))
    assert run(["traffic", "ls", "--data", str(admin.data)]) == 0
    captured = capsys.readouterr()
    head, line = captured.out.splitlines()
    assert head.split()[:3] == ["STARTED", "REQUEST", "ID"]
    for word in (row()["request_id"], "completed", "200", "east/gpt-4o", "120+48~", "$0.000700", "812.3 ms"):
        assert word in line
    assert "--cursor abc" in captured.err


def test_the_list_for_machines_is_the_answer(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    admin.answers.append((200, {"data": [row()], "next_cursor": "abc"}))
    assert run(["traffic", "ls", "--output", "json", "--data", str(admin.data)]) == 0
    assert json.loads(capsys.readouterr().out) == {"items": [row()], "next_cursor": "abc"}


def test_a_request_is_told_fact_by_fact(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    admin.answers.append((200, request()))
    assert run(["traffic", "get", row()["request_id"], "--data", str(admin.data)]) == 0
    out = capsys.readouterr().out
    assert admin.asked[0][1] == f"/api/admin/traffic/{row()['request_id']}"
    facts = [line.split()[3] for line in out.split("\n\n")[-1].splitlines()[1:]]
    assert facts == [entry["type"] for entry in request()["trail"]]
    assert "cost                 $0.000700" in out
    assert "+0.0 ms" in out


def test_findings_are_a_table() -> None:
    (screened,) = (data for data in EXAMPLES if NAME_OF[type(data)] == "request.screened.v1")

    class Message:
        stream, sequence, payload, time_us = "TRAFFIC", 41, b"", 0

    fact = example(screened)
    from projections.rows import FINDINGS

    rows = [
        dict(zip([column.name for column in FINDINGS], values, strict=True))
        for values in finding_rows(Message(), 0, fact, open_fact(fact))
    ]
    text = as_text(request(findings=rows))
    assert re.search(r"STAGE +HIT RULE +HIT SEVERITY +HIT ACTION", text)
    assert re.search(r"request +pii\.email +hard +redact", text)
    assert re.search(r"request +pii\.phone +warn +flag", text)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"row": None, "open": True}, "is under way"),
        ({"row": None, "open": False}, "not in the view yet"),
        ({"trail": []}, "the log no longer has its facts"),
    ],
)
def test_what_is_missing_is_said(other: dict[str, Any], words: str) -> None:
    assert words in as_text(request(**other))


def test_an_unknown_request_is_5(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    admin.answers.append((404, {"error": {"message": "There is no request with this id", "code": "not_found"}}))
    assert run(["traffic", "get", "nothing", "--data", str(admin.data)]) == 5
    assert capsys.readouterr() == ("", "nexus: There is no request with this id\n")
