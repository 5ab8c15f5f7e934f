"""A SIEM file holds every event once, whenever the process is killed and however the file is rotated."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.siem import file as module
from processors.siem.file import FileSink
from processors.siem.lines import Line, Place, after
from processors.siem.sink import START, Opened, Parked
from schemas.ocsf.lines import place_of
from tests.unit.processors.siem.events import lines

NAME = "events.ndjson"


class Killed(BaseException):
    """Stands for SIGKILL: nothing after it runs."""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "siem"


async def opened(directory: Path, life: str = "life-1") -> tuple[FileSink, Opened]:
    sink = FileSink(directory, NAME, life)
    return sink, await sink.open(None)


async def closed(sink: FileSink) -> None:
    """Closes and waits until the lock is free."""
    await sink._thread.call(sink._close)
    await sink.close()


def lose_mark(directory: Path) -> None:
    (directory / f"{NAME}.position").unlink()


def put_away(directory: Path, number: int) -> None:
    os.rename(directory / NAME, directory / f"{NAME}.{number}")


def places(*paths: Path) -> list[Place | None]:
    return [place_of(line) for path in paths for line in path.read_bytes().split(b"\n") if line]


async def test_lines_are_appended_and_the_place_is_found_again(directory: Path) -> None:
    sink, first = await opened(directory)
    assert (first.reached, first.floor) == (None, START)
    await sink.send(lines(1, 2))
    await sink.send(lines(2, 1))
    await closed(sink)
    again, second = await opened(directory)
    assert (second.reached, second.floor) == ((2, 0), (2, 0))
    await closed(again)
    assert places(directory / NAME) == [(1, 0), (1, 1), (2, 0)]
    assert stat.S_IMODE((directory / NAME).stat().st_mode) & 0o007 == 0


async def test_a_target_made_again_writes_nothing_twice_but_has_reached_nothing(directory: Path) -> None:
    sink, _ = await opened(directory)
    await sink.send(lines(1))
    await closed(sink)
    again, found = await opened(directory, "life-2")
    assert (found.reached, found.floor) == (None, (1, 0))
    await closed(again)


async def test_the_file_alone_tells_when_the_mark_is_lost(directory: Path) -> None:
    sink, _ = await opened(directory)
    await sink.send(lines(1, 3))
    await closed(sink)
    lose_mark(directory)
    again, found = await opened(directory)
    assert (found.reached, found.floor) == (None, (1, 2))
    await closed(again)


@pytest.mark.parametrize("mark", ["kept", "lost", "damaged"])
async def test_a_torn_line_is_cut(directory: Path, mark: str) -> None:
    sink, _ = await opened(directory)
    await sink.send(lines(1, 2))
    await closed(sink)
    whole = (directory / NAME).read_bytes()
    if mark == "lost":
        lose_mark(directory)
    if mark == "damaged":
        (directory / f"{NAME}.position").write_bytes(b"\x00\x00")
    (directory / NAME).write_bytes(whole + lines(2)[0].data[:-5])
    again, found = await opened(directory)
    assert found.floor == (1, 1)
    assert (directory / NAME).read_bytes() == whole
    await closed(again)


async def test_what_a_power_cut_leaves_behind_the_mark_is_cut(directory: Path) -> None:
    sink, _ = await opened(directory)
    await sink.send(lines(1))
    await closed(sink)
    whole = (directory / NAME).read_bytes()
    (directory / NAME).write_bytes(whole + lines(2)[0].data + bytes(300) + b"\n" + lines(3)[0].data)
    again, found = await opened(directory)
    assert found.floor == (2, 0)
    assert places(directory / NAME) == [(1, 0), (2, 0)]
    await closed(again)


async def test_what_others_wrote_is_left_alone(directory: Path) -> None:
    os.mkdir(directory)
    (directory / NAME).write_bytes(b"a note\nwithout an end")
    sink, found = await opened(directory)
    assert found.floor == START
    await sink.send(lines(1))
    await closed(sink)
    assert (directory / NAME).read_bytes() == b"a note\nwithout an end\n" + lines(1)[0].data


async def test_a_renamed_file_is_begun_anew(directory: Path) -> None:
    sink, _ = await opened(directory)
    await sink.send(lines(1))
    os.rename(directory / NAME, directory / f"{NAME}.1")
    await sink.send(lines(2))
    assert (places(directory / f"{NAME}.1"), places(directory / NAME)) == ([(1, 0)], [(2, 0)])
    os.rename(directory / NAME, directory / f"{NAME}.2")
    await closed(sink)
    again, found = await opened(directory)
    assert found.reached == (2, 0)
    await closed(again)


async def test_a_truncated_file_is_begun_anew(directory: Path) -> None:
    sink, _ = await opened(directory)
    await sink.send(lines(1, 3))
    shutil.copy(directory / NAME, directory / f"{NAME}.1")
    os.truncate(directory / NAME, 0)
    await sink.send(lines(2))
    assert places(directory / NAME) == [(2, 0)]
    os.truncate(directory / NAME, 0)
    await closed(sink)
    again, found = await opened(directory)
    assert found.reached == (2, 0)
    await closed(again)


async def test_a_deleted_file_comes_back(directory: Path) -> None:
    sink, _ = await opened(directory)
    await sink.send(lines(1))
    shutil.rmtree(directory)
    os.mkdir(directory)
    await sink.send(lines(2))
    assert places(directory / NAME) == [(2, 0)]
    await closed(sink)


async def test_one_file_has_one_writer(directory: Path) -> None:
    sink, _ = await opened(directory)
    other = FileSink(directory, NAME, "life-2")
    with pytest.raises(Parked, match="choose another file"):
        await other.open(None)
    await other.close()
    await closed(sink)
    third, _ = await opened(directory)
    await closed(third)


@pytest.mark.parametrize("partial", [0, 10, 3_000])
async def test_a_full_disk_leaves_no_half_line(directory: Path, monkeypatch: pytest.MonkeyPatch, partial: int) -> None:
    sink, _ = await opened(directory)
    await sink.send(lines(1))
    with monkeypatch.context() as full:
        room = [partial]

        def write(descriptor: int, data: Any) -> int:
            if not room[0]:
                raise OSError(28, "No space left on device")
            taken, room[0] = min(room[0], len(data)), 0
            return os.pwrite(descriptor, bytes(data[:taken]), os.fstat(descriptor).st_size)

        full.setattr(os, "write", write)
        with pytest.raises(OSError, match="No space"):
            await sink.send(lines(2, 3))
    await sink.send(lines(2, 3))
    await closed(sink)
    assert places(directory / NAME) == [(1, 0), (2, 0), (2, 1), (2, 2)]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(1, 4)),
        st.tuples(st.just("kill while writing"), st.floats(0, 1)),
        st.tuples(st.just("kill before sync"), st.just(0)),
        st.tuples(st.just("kill before mark"), st.just(0)),
        st.tuples(st.just("rename"), st.just(0)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=14,
)


@settings(max_examples=150)
@given(STEPS)
def test_every_event_is_there_once_in_order(steps: list[tuple[str, Any]]) -> None:
    everything = [line for sequence in range(1, 16) for line in lines(sequence, 4)]
    with TemporaryDirectory() as name:
        directory = Path(name) / "siem"
        with pytest.MonkeyPatch.context() as fast:
            # a kill, unlike a power cut, does not lose what was not synced
            fast.setattr(os, "fsync", lambda _: None)
            asyncio.run(_live(directory, steps, everything))
        rotated = sorted(directory.glob(f"{NAME}.[0-9]*"), key=lambda path: int(path.suffix[1:]))
        assert places(*rotated, directory / NAME) == [line.place for line in everything]


async def _live(directory: Path, steps: list[tuple[str, Any]], everything: list[Line]) -> None:
    sink, found = await opened(directory)
    rotations = 0
    # a place that is known to nobody would be looked for from the target's creation on
    for what, much in [*steps, ("send", len(everything))]:
        rest = after(everything, found.reached or found.floor)
        match what:
            case "send":
                batch = rest[:much]
                if batch:
                    await sink.send(batch)
                    found = Opened(batch[-1].place)
                continue
            case "rename":
                rotations += 1
                put_away(directory, rotations)
                # as rotating tools do, so that there is always a file to put away
                (directory / NAME).touch()
                continue
            case "restart":
                await closed(sink)
            case _:
                if rest:
                    with _killing(what, much), pytest.raises(Killed):
                        await sink.send(rest[:5])
                await closed(sink)
        sink, found = await opened(directory)
    await closed(sink)


class _killing:
    """Ends a write at a chosen moment."""

    def __init__(self, what: str, share: float) -> None:
        self._patches: list[tuple[Any, str, Any]] = []
        self._new: dict[str, tuple[Any, str, Callable[..., Any]]] = {
            "kill while writing": (os, "write", self._write(share)),
            "kill before sync": (os, "fsync", self._die),
            "kill before mark": (module, "write_mark", self._die),
        }
        self._what = what

    def __enter__(self) -> None:
        place, name, replacement = self._new[self._what]
        self._patches.append((place, name, getattr(place, name)))
        setattr(place, name, replacement)

    def __exit__(self, *_: object) -> None:
        for place, name, original in self._patches:
            setattr(place, name, original)

    @staticmethod
    def _die(*_: Any) -> None:
        raise Killed

    @staticmethod
    def _write(share: float) -> Callable[[int, Any], int]:
        def write(descriptor: int, data: Any) -> int:
            os.pwrite(descriptor, bytes(data[: int(len(data) * share)]), os.fstat(descriptor).st_size)
            raise Killed

        return write


def test_the_law_s_kill_really_tears_lines(tmp_path: Path) -> None:
    async def torn() -> Iterator[bytes]:
        sink, _ = await opened(tmp_path)
        with _killing("kill while writing", 0.5), pytest.raises(Killed):
            await sink.send(lines(1))
        await closed(sink)
        return iter([(tmp_path / NAME).read_bytes()])

    (left,) = asyncio.run(torn())
    assert 0 < len(left) < len(lines(1)[0].data)
