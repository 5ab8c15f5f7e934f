"""Where a webhook may be. That one is signed, bounded and followed nowhere is in the integration tests."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from ingress.gateway.authenticate import Caller
from ingress.gateway.hooks import HookFailed
from ingress.gateway.webhook import Webhooks, is_public
from schemas.ids import SystemClock
from tests.unit.schemas.hooks.given import hook, seen


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        *((address, False) for address in ("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "0.0.0.0")),
        *((address, False) for address in ("169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255")),
        *((address, False) for address in ("::1", "::", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "ff02::1")),
        *((address, False) for address in ("::ffff:127.0.0.1", "::ffff:169.254.169.254", "2002:7f00:1::")),
        *((address, False) for address in ("fec0::1", "::127.0.0.1", "::a9fe:a9fe", "240.0.0.1", "168.63.129.16")),
        *((address, False) for address in ("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "not an address", "")),
    ],
)
def test_only_the_open_internet_is_public(address: str, public: bool) -> None:
    assert is_public(address) == public


@pytest.mark.parametrize("found", [["10.0.0.1"], ["93.184.216.34", "127.0.0.1"], []])
async def test_a_name_that_leads_inside_is_not_called(found: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        assert (host, port) == ("hooks.example.com", 443)
        return found

    async def connect(*where: Any, **how: Any) -> Any:
        raise AssertionError("it was called")

    monkeypatch.setattr("asyncio.open_connection", connect)
    webhooks = Webhooks(lambda caller, identifier: "secret", SystemClock(), resolve)
    wanted = hook("webhook_forward", url="https://hooks.example.com/x", credential="main")
    with pytest.raises(HookFailed):
        await webhooks.ask(cast("Caller", None), wanted, seen("hi"), "r1")


async def test_the_address_that_was_looked_at_is_the_one_that_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[Any, Any]] = []
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])

    async def resolve(host: str, port: int) -> list[str]:
        return next(answers)

    async def connect(host: str, port: int, **how: Any) -> Any:
        called.append((host, how["server_hostname"]))
        raise OSError("no route")

    monkeypatch.setattr("asyncio.open_connection", connect)
    webhooks = Webhooks(lambda caller, identifier: "secret", SystemClock(), resolve)
    wanted = hook("webhook_forward", url="https://hooks.example.com/x", credential="main")
    with pytest.raises(HookFailed, match="could not be reached: OSError"):
        await webhooks.ask(cast("Caller", None), wanted, seen("hi"), "r1")
    assert called == [("93.184.216.34", "hooks.example.com")]


async def test_without_its_credential_it_is_not_called() -> None:
    webhooks = Webhooks(lambda caller, identifier: None, SystemClock())
    wanted = hook("webhook_forward", url="https://hooks.example.com/x", credential="main")
    with pytest.raises(HookFailed, match="credential is missing"):
        await webhooks.ask(cast("Caller", None), wanted, seen("hi"), "r1")


async def test_a_name_whose_server_does_not_answer_is_looked_up_once_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    go = asyncio.Event()

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        await go.wait()
        raise OSError("no such name")

    webhooks = Webhooks(lambda caller, identifier: "secret", SystemClock(), resolve)
    wanted = hook("webhook_forward", url="https://hooks.example.com/x", credential="main")

    async def ask() -> None:
        await webhooks.ask(cast("Caller", None), wanted, seen("hi"), "r1")

    tasks = [asyncio.create_task(ask()) for _ in range(20)]
    for _ in range(5):
        await asyncio.sleep(0)
    # whose time is over leaves; the look-up goes on, and whoever comes next joins it
    tasks[0].cancel()
    tasks.append(asyncio.create_task(ask()))
    for _ in range(5):
        await asyncio.sleep(0)
    assert asked == ["hooks.example.com"]
    go.set()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(ended[0], asyncio.CancelledError)
    assert all(isinstance(each, HookFailed) for each in ended[1:]) and webhooks._looking == {}
