"""Where commands look for a running Nexus, and what they say when there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ops.cli.endpoints import admin_of, read_endpoints, url_of
from ops.cli.exits import CommandFailed


def running(data: Path, **urls: str) -> Path:
    data.mkdir(exist_ok=True)
    (data / "endpoints.json").write_text(json.dumps(urls))
    (data / "admin.key").write_text("nxa_1\n")
    return data


def test_urls_and_key_come_from_the_data_directory(tmp_path: Path) -> None:
    data = running(tmp_path / "d", admin="http://127.0.0.1:3001", nats="nats://127.0.0.1:4222")
    assert url_of("nats", data) == "nats://127.0.0.1:4222"
    assert admin_of(data, {}).where == "http://127.0.0.1:3001"


def test_the_environment_takes_their_place(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing"
    client = admin_of(nothing, {"NEXUS_ADMIN_URL": "https://nexus.example.com", "NEXUS_ADMIN_KEY": "nxa_2"})
    assert client.where == "https://nexus.example.com"


@pytest.mark.parametrize(
    ("prepare", "code", "words"),
    [
        (lambda data: None, 1, "nexus up --data"),
        (lambda data: running(data, nats="nats://h"), 1, "admin was not started"),
        (lambda data: (running(data, admin="http://h") / "admin.key").unlink(), 3, "NEXUS_ADMIN_KEY"),
        (lambda data: (running(data) / "endpoints.json").write_text("{"), 1, "cannot be read"),
        (lambda data: running(data, admin="ftp://h"), 1, "must be http or https"),
    ],
    ids=["nothing", "no admin", "no key", "torn", "scheme"],
)
def test_what_is_missing_is_said(prepare: object, code: int, words: str, tmp_path: Path) -> None:
    prepare(tmp_path / "d")  # type: ignore[operator]
    with pytest.raises(CommandFailed, match=words) as caught:
        admin_of(tmp_path / "d", {})
    assert caught.value.code == code


def test_what_is_no_url_is_left_out(tmp_path: Path) -> None:
    data = tmp_path / "d"
    data.mkdir()
    (data / "endpoints.json").write_text('{"admin": "http://h", "pid": 7}')
    assert read_endpoints(data) == {"admin": "http://h"}
