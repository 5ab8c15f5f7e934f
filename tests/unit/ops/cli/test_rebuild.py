"""`nexus rebuild`: what is asked before anything happens, and how the end is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops.cli import rebuild as module
from ops.cli.exits import CommandFailed
from ops.cli.main import run
from ops.cli.rebuild import settings_of
from projections.rebuild import Rebuilt
from schemas.errors import Conflict
from schemas.settings import Settings


@pytest.fixture
def data(tmp_path: Path) -> Path:
    urls = {
        "nats": "nats://u:word@h:1",
        "postgres": "postgresql://h/2",
        "clickhouse": "http://h:3",
        "admin": "http://h",
    }
    (tmp_path / "endpoints.json").write_text(json.dumps(urls))
    return tmp_path


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Settings]]:
    """Rebuilds that were asked for, none of which happens."""
    found: list[tuple[str, Settings]] = []

    async def build(name: str, settings: Settings, progress: Callable[[int, int], None], **_: Any) -> Rebuilt:
        found.append((name, settings))
        progress(5, 10)
        progress(10, 10)
        return Rebuilt(name, 1_234, 97, 2_500_000)

    monkeypatch.setattr(module, "build", build)
    return found


def test_the_stores_are_those_of_the_data_directory(data: Path, built: list[tuple[str, Settings]]) -> None:
    assert run(["rebuild", "postgres", "--data", str(data)]) == 0
    ((name, settings),) = built
    assert name == "postgres"
    assert (settings.nats_url, settings.postgres_url) == ("nats://u:word@h:1", "postgresql://h/2")
    assert (settings.clickhouse_url, settings.data_dir) == ("http://h:3", str(data))


def test_the_end_is_told(data: Path, built: list[tuple[str, Settings]], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rebuild", "postgres", "--data", str(data)]) == 0
    captured = capsys.readouterr()
    assert captured.out == "postgres rebuilt: 1,234 rows through TRAFFIC:97 in 2.5 s\n"
    assert "10/10" in captured.err
    assert run(["rebuild", "clickhouse", "--data", str(data), "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "projection": "clickhouse",
        "rows": 1_234,
        "through_sequence": 97,
        "duration_us": 2_500_000,
    }


def test_an_unknown_projection_is_wrong_usage(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rebuild", "valkey", "--data", str(data)]) == 2
    assert "postgres, clickhouse" in capsys.readouterr().err


def test_a_refusal_of_the_store_is_told(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def busy(*_: Any, **__: Any) -> Rebuilt:
        raise Conflict("postgres is being rebuilt already")

    monkeypatch.setattr(module, "build", busy)
    assert run(["rebuild", "postgres", "--data", str(data)]) == 1
    assert capsys.readouterr() == ("", "nexus: postgres is being rebuilt already\n")


def test_the_environment_has_the_rest(data: Path) -> None:
    assert settings_of(data, {"NEXUS_PARTITIONS": "4", "NEXUS_NATS_URL": "nats://other"}).partitions == 4
    with pytest.raises(CommandFailed, match="NEXUS_PARTITIONS must be"):
        settings_of(data, {"NEXUS_PARTITIONS": "0"})
