"""Screening in the gateway: what takes long is done beside everybody else's requests, with the same verdict."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest

from ingress.gateway.screening import Screening
from projections.screening import Screener, compile_rules, load_builtin_rules, screen_step
from projections.screening.aside import AT_ONCE
from schemas.screening.model import ScreeningPolicy

SCREENER = Screener(compile_rules([rule for rule in load_builtin_rules() if rule.id.startswith("secret.aws-")]))
KEY = "AKIAIOSFODNN7EXAMPL2"
POLICY = ScreeningPolicy()
LARGE = ["x " * AT_ONCE, f"the key is {KEY}"]


@pytest.fixture
def screening() -> Iterator[Screening]:
    made = Screening(SCREENER, cast("Any", None))
    yield made
    made.close()


class Gate:
    """Holds every step up until it is opened, in the thread in which the step is made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._open = threading.Event()
        self.threads: set[str] = set()
        monkeypatch.setattr("projections.screening.aside.screen_step", self._step)

    def _step(self, *given: Any) -> Any:
        self.threads.add(threading.current_thread().name)
        assert self._open.wait(10), "nobody opened: it holds up whoever would"
        return screen_step(*given)

    def open(self) -> None:
        self._open.set()


async def test_a_large_text_holds_nobody_up(screening: Screening, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    waiting = asyncio.create_task(screening.verdict("inline", "a", "r", "request", LARGE, POLICY))
    small = await screening.verdict("inline", "b", "r", "request", [f"the key is {KEY}"], POLICY)
    assert small is not None and small.action == "block" and not waiting.done()
    gate.open()
    assert await waiting == screening.now("a", "request", LARGE, POLICY)
    assert all(name.startswith("screen") for name in gate.threads)


async def test_hooks_that_go_by_rules_hold_nobody_up_either(
    screening: Screening, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    waiting = asyncio.create_task(screening.hits("a", LARGE, "request", (), POLICY))
    await asyncio.sleep(0)
    gate.open()
    hits, whole = await waiting
    assert whole and [hit.text for hit in hits] == [1]


async def test_what_nobody_screens_costs_no_thread(screening: Screening, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    verdict = await screening.verdict("inline", "a", "r", "request", LARGE, ScreeningPolicy(enabled=False))
    assert verdict is not None and verdict.action == "approve" and gate.threads == set()
