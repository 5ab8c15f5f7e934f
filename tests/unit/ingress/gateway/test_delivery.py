"""What a provider has answered is paid for, whatever becomes of the answer."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from ingress.gateway import delivery
from schemas.errors import NexusError, Unavailable
from schemas.facts.traffic import Usage

USED = Usage(10, 20)


class Attempts:
    """Of which one brought an answer."""

    def __init__(self) -> None:
        self.settled: list[Usage] = []

    async def run(self, call: Any) -> Any:
        return SimpleNamespace(target="target")

    def settle(self, target: str, usage: Usage) -> None:
        self.settled.append(usage)


@pytest.mark.parametrize("trouble", [Unavailable("the worker did not decide"), asyncio.CancelledError(), KeyError("x")])
async def test_an_answer_that_cannot_be_screened_is_paid_for(
    trouble: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def screen(answer: Any, plan: Any) -> Any:
        raise trouble

    answer = SimpleNamespace(raw=b"{}", usage=USED, finish_reason="stop")
    monkeypatch.setattr(delivery, "read_answer", lambda *given: answer)
    exchange = SimpleNamespace(
        record=SimpleNamespace(summary=SimpleNamespace()),
        plan=SimpleNamespace(policy=SimpleNamespace(hooks=())),
        parts=SimpleNamespace(calls=SimpleNamespace(send=None)),
        request=SimpleNamespace(choices=1),
        screen_response=screen,
        learn=lambda usage: None,
    )
    attempts = Attempts()
    with pytest.raises((NexusError, asyncio.CancelledError, KeyError)):
        await delivery.answer_whole(exchange, attempts)  # type: ignore[arg-type]
    assert attempts.settled == [USED]
