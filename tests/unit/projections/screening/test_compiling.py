"""Rules compiled in a process of their own: the same pack, problems in words, and an end when nobody waits any more."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from projections.screening import compiling
from projections.screening.compiled import PackError, compile_rules
from projections.screening.compiling import compile_custom, prove
from tests.unit.schemas.screening.sample import rule

BADGE = rule(
    id="test.badge",
    patterns=("ACME-[0-9]{6}",),
    boundary="",
    extend_right="",
    extend_limit=0,
    hits=("no «ACME-104729» here", "ACME-000001", "xACME-999999"),
    misses=("ACME-12", "acme-104729", "ACME 104729"),
)


async def test_what_is_compiled_apart_is_what_would_be_compiled_here() -> None:
    assert await compile_custom([BADGE]) == compile_rules([BADGE])


async def test_a_rule_whose_examples_pass_is_proved() -> None:
    assert await prove(BADGE, [rule()]) == []


async def test_the_example_that_fails_is_named_by_its_number() -> None:
    wrong = rule(id="test.badge", patterns=BADGE.patterns, boundary="", extend_right="", extend_limit=0,
                 hits=(*BADGE.hits, "ACME 1"), misses=("ACME-555555", *BADGE.misses))  # fmt: skip
    assert await prove(wrong, []) == ["hit 4 is not found", "miss 1 is found at 0-11"]


async def test_what_cannot_be_compiled_is_told() -> None:
    with pytest.raises(PackError, match=r"test\.badge: pattern"):
        await compile_custom([rule(id="test.badge", patterns=("a+",))])


async def test_a_compilation_that_nobody_waits_for_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    started: asyncio.Queue[asyncio.subprocess.Process] = asyncio.Queue()
    start = asyncio.create_subprocess_exec

    async def noted(*command: Any, **options: Any) -> asyncio.subprocess.Process:
        process = await start(*command, **options)
        started.put_nowait(process)
        return process

    monkeypatch.setattr(compiling.asyncio, "create_subprocess_exec", noted)
    waiting = asyncio.create_task(compile_custom([BADGE]))
    process = await started.get()
    waiting.cancel()
    await asyncio.wait((waiting,))
    assert waiting.cancelled()
    assert process.returncode is not None
    assert process.returncode < 0


async def test_a_compilation_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "CUSTOM_WAIT_S", 0.0)
    with pytest.raises(PackError, match="write simpler patterns"):
        await compile_custom([BADGE])
