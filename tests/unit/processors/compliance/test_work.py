"""What a screening desk answers to, and what it says to nonsense."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest

from processors.compliance.scanning import Scanner
from processors.compliance.work import NO_VERDICT, ScreeningDesk, understood
from projections.log.connection import LogConnection
from projections.screening import compile_rules, load_builtin_rules
from schemas.screening.model import ScreeningPolicy, Verdict
from schemas.screening.work import ScreeningWork

PACK = compile_rules([rule for rule in load_builtin_rules() if rule.category == "secret"][:2])


class Asked:
    subject = "work.screening.a"

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.replies: list[bytes] = []

    async def respond(self, reply: bytes) -> None:
        self.replies.append(reply)


def work(**fields: Any) -> bytes:
    usual = {"tenant": "a", "request": "r", "stage": "request", "texts": ("hello",), "policy": ScreeningPolicy()}
    return msgspec.msgpack.encode(ScreeningWork(**cast("Any", usual | fields)))


@pytest.mark.parametrize(
    "payload", [b"", b"\xc1", work()[:-1], work(stage="tool"), work(stage=""), b"\x91" * 5_000, b"\x95\xa1\xff"]
)
async def test_nonsense_is_answered_at_once(payload: bytes, caplog: pytest.LogCaptureFixture) -> None:
    assert understood(payload) is None
    asked = Asked(payload)
    desk = ScreeningDesk(cast("LogConnection", None), Scanner(PACK))
    await desk._take(cast("Any", asked))
    assert asked.replies == [NO_VERDICT]
    assert "screening_work_unreadable" in caplog.text


async def test_work_gets_its_verdict() -> None:
    asked = Asked(work())
    desk = ScreeningDesk(cast("LogConnection", None), Scanner(PACK))
    await desk._take(cast("Any", asked))
    (reply,) = asked.replies
    assert msgspec.msgpack.decode(reply, type=Verdict) == Verdict("approve", (), "", PACK.version)
    assert desk.answered == 1
