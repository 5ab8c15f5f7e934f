"""What a key can ask about itself is always answered, whatever goes wrong here."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from ingress.codecs.fronts import MESSAGES
from ingress.codecs.openai_chat import CODEC
from ingress.gateway.desk import Desk
from ingress.gateway.door import Door
from ingress.gateway.record import OpenRequests
from schemas.ids import Ids, SystemClock


class Wire:
    """Stands for a connection: keeps what is written."""

    closed = congested = False
    date = address = ""
    written = b""

    def write(self, data: bytes) -> None:
        self.written += data


@pytest.mark.parametrize("codec", [CODEC, MESSAGES.codec], ids=["openai", "anthropic"])
async def test_a_defect_is_told_in_the_caller_s_protocol(codec: Any, caplog: pytest.LogCaptureFixture) -> None:
    clock = SystemClock()
    parts: Any = SimpleNamespace(
        writers=[],
        clock=clock,
        opened=OpenRequests("w", "b"),
        ids=Ids(clock),
        authenticator=SimpleNamespace(identify=lambda header, now_us: None),
    )

    async def told(caller: Any) -> dict[str, Any]:
        raise KeyError("a defect")

    wire = Wire()
    door = Door(wire, "GET", "/v1/usage", {}, modern=True, keep=False)  # type: ignore[arg-type]
    await Desk(parts, ())._answer(door, codec, "usage", told)
    head, _, body = wire.written.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 500 ") and b"x-nexus-request-id" in head
    error = msgspec.json.decode(body)["error"]
    assert error["message"] == "Nexus failed to handle the request." and "defect" not in body.decode()
    assert "operation=usage" in caplog.text
