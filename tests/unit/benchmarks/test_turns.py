"""Who measures has the machine's turn; another waits, says so, goes on when it comes, and does not wait for ever."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benchmarks.chaos import turns
from benchmarks.chaos.turns import turn


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_LOOK_S", 0.001)


async def test_the_second_waits_for_the_first_and_says_so(tmp_path: Path) -> None:
    told: list[str] = []
    waits = asyncio.Event()

    def tell(what: str) -> None:
        told.append(what)
        waits.set()

    async def second() -> bool:
        async with turn(tell, directory=tmp_path) as mine:
            return mine

    async with turn(told.append, directory=tmp_path) as mine:
        assert mine and not told
        task = asyncio.create_task(second())
        await asyncio.wait_for(waits.wait(), 10)
        assert not task.done() and "waits for its turn" in told[0]
    assert await asyncio.wait_for(task, 10)


async def test_it_goes_on_without_when_the_turn_does_not_come(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with turn(print, directory=tmp_path), turn(print, directory=tmp_path, wait_s=0.01) as mine:
        assert not mine
    assert "goes on beside the others" in capsys.readouterr().err
    async with turn(print, directory=tmp_path, wait_s=0.0) as mine:
        assert mine, "it was given back"


@pytest.mark.parametrize("kind", ["no directory", "a link"])
async def test_where_there_is_no_such_file_nobody_waits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    if kind == "a link":
        (tmp_path / turns._FILE).symlink_to("/etc/hostname")
    async with turn(print, directory=tmp_path if kind == "a link" else tmp_path / "gone") as mine:
        assert not mine
    assert kind != "a link" or "cannot take turns" in capsys.readouterr().err
