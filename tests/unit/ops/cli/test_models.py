"""`nexus models` and `nexus providers refresh` over the real admin plane."""

from __future__ import annotations

import json

import pytest

from ops.cli.main import run
from schemas.aggregates.model import Prices
from schemas.aggregates.model_list import Listed, ModelList
from tests.unit.ops.cli.admin_fixture import Admin


def nexus(admin: Admin, *argv: str) -> int:
    return run([*argv, "--data", str(admin.data)])


def given(admin: Admin) -> None:
    admin.given(
        ("tenants", {"id": "acme"}),
        ("providers", {"id": "east", "tenant": "acme", "base_url": "https://h.example.com/v1", "wire": "openai"}),
        ("models", {"id": "east/own", "tenant": "acme", "prices": {"input": 1_000_000, "output": 2_000_000}}),
    )
    listed = (Listed(name="new", prices=Prices(input=3_000_000, output=4), prices_from="a page, 2025-09-01"),)
    admin.plane.listed["east"] = ModelList(id="east", tenant="acme", wire="openai", models=listed)


def test_what_there_is_to_call_and_where_it_is_from(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    given(admin)
    assert nexus(admin, "providers", "refresh", "east") == 0
    assert "east: 1 models" in capsys.readouterr().out
    assert nexus(admin, "models", "ls", "--output", "json") == 0
    rows = {row["id"]: row for row in json.loads(capsys.readouterr().out)["items"]}
    assert {name: (row["from"], row["input"], row["prices_from"]) for name, row in rows.items()} == {
        "east/own": ("configuration", 1.0, None),
        "east/new": ("provider", 3.0, "a page, 2025-09-01"),
    }


def test_what_could_not_be_had_is_1_and_told(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    given(admin)
    admin.plane.listed.clear()
    assert nexus(admin, "providers", "refresh", "east") == 1
    assert "could not be had anew: connect" in capsys.readouterr().out
    assert nexus(admin, "models", "ls") == 0
    assert "the models of east could not be had anew" in capsys.readouterr().err
    assert nexus(admin, "providers", "refresh", "eats") == 5
