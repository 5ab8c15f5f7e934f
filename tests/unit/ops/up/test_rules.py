"""A first start compiles the rules where people see it; a later one finds them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ops.cli.exits import CommandFailed
from ops.up import rules
from ops.up.rules import ensure_rules
from projections.screening.compiled import PackError


async def test_rules_that_are_there_are_not_spoken_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "cached", lambda directory: directory)
    told: list[str] = []
    await ensure_rules(tmp_path, told.append)
    assert told == []


async def test_progress_is_told_until_they_are_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    still = asyncio.Event()

    def say(text: str) -> None:
        told.append(text)
        if text.startswith("still"):
            still.set()

    async def compiling(directory: Path) -> Any:
        await still.wait()

    monkeypatch.setattr(rules, "cached", lambda directory: None)
    monkeypatch.setattr(rules, "compile_apart", compiling)
    monkeypatch.setattr(rules, "EVERY_S", 0.001)
    await ensure_rules(tmp_path, say)
    assert told[0].startswith("compiling") and told[-1].startswith("rules compiled in")


async def test_rules_that_cannot_be_compiled_end_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing(directory: Path) -> Any:
        raise PackError("no memory")

    monkeypatch.setattr(rules, "cached", lambda directory: None)
    monkeypatch.setattr(rules, "compile_apart", failing)
    with pytest.raises(CommandFailed, match="no memory"):
        await ensure_rules(tmp_path, lambda _: None)
