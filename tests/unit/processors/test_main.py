"""Workers run together and end together: in order when asked, loudly when one of them fails."""

from __future__ import annotations

import asyncio
import logging

import pytest

from processors import __main__ as command
from processors.__main__ import MODULES, main, run_all
from processors.shared import Shared
from schemas.settings import Settings

SETTINGS = Settings(nats_url="nats://127.0.0.1:1")


async def patient(settings: Settings, stop: asyncio.Event, shared: Shared) -> None:
    await stop.wait()


async def failing(settings: Settings, stop: asyncio.Event, shared: Shared) -> None:
    raise KeyError("mistake")


async def leaving(settings: Settings, stop: asyncio.Event, shared: Shared) -> None:
    return


async def deaf(settings: Settings, stop: asyncio.Event, shared: Shared) -> None:
    await asyncio.Event().wait()


async def test_asked_to_stop_all_end_in_order() -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(run_all({"one": patient, "two": patient}, SETTINGS, stop))
    stop.set()
    assert await asyncio.wait_for(running, 10) == []


@pytest.mark.parametrize(("worker", "word"), [(failing, "KeyError"), (leaving, "returned unasked")])
async def test_one_that_ends_by_itself_ends_all(
    worker: command.Run, word: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        failed = await asyncio.wait_for(run_all({"bad": worker, "good": patient}, SETTINGS, asyncio.Event()), 10)
    assert failed == ["bad"]
    assert word in caplog.text and "worker=bad" in caplog.text


async def test_one_that_does_not_listen_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "LEAVE_S", 0.01)
    stop = asyncio.Event()
    stop.set()
    assert await asyncio.wait_for(run_all({"deaf": deaf, "good": patient}, SETTINGS, stop), 10) == ["deaf"]


def test_wrong_usage_and_wrong_settings_are_told_apart_from_failures(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["nobody"], {})
    assert raised.value.code == 2
    assert main(["audit"], {"NEXUS_NONSENSE": "1"}) == 2
    told = capsys.readouterr().err
    assert "NEXUS_NONSENSE is not a setting" in told and "NEXUS_NATS_URL is missing" in told


@pytest.mark.parametrize("name", ["audit", "analytics"])
def test_a_worker_is_where_the_command_looks_for_it(name: str) -> None:
    assert asyncio.iscoroutinefunction(command.load([name])[name])
    assert MODULES[name] == f"processors.{name}.app"
