"""The spool file: what survives a crash, and what does not pretend to have."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.log.spool import SpoolFile, leftovers, make_directory, new_head


def _made(directory: Path, payloads: list[bytes], boot: str = "b1") -> Path:
    file = SpoolFile.create(directory, new_head("TRAFFIC", "gw.1", boot, 5, 1000), 1)
    file.append(payloads)
    file.close()
    return file.path


def _contents(directory: Path) -> list[bytes]:
    found = leftovers(directory, "TRAFFIC", "gw.1")
    read = [file.read(offset, size) for file, records in found for offset, size in records]
    for file, _ in found:
        file.close()
    return read


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    directory = tmp_path
    file = SpoolFile.create(directory, new_head("TRAFFIC", "gw.1", "b1", 5, 1000), 1)
    first = file.append([b"one", b"two" * 1000])
    second = file.append([b""])
    assert file.read(first[1], 3000) == b"two" * 1000 and len(second) == 1
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert file.size == file.path.stat().st_size
    file.close()
    ((adopted, records),) = leftovers(directory, "TRAFFIC", "gw.1")
    assert adopted.head == new_head("TRAFFIC", "gw.1", "b1", 5, 1000) and not adopted.damaged
    assert [adopted.read(*record) for record in records] == [b"one", b"two" * 1000, b""]
    adopted.remove()
    assert list(directory.iterdir()) == []


def test_a_file_in_use_is_left_alone(tmp_path: Path) -> None:
    file = SpoolFile.create(tmp_path, new_head("TRAFFIC", "gw.1", "b1", 0, 0), 1)
    file.append([b"mine"])
    assert leftovers(tmp_path, "TRAFFIC", "gw.1") == []
    file.close()
    assert _contents(tmp_path) == [b"mine"]


def test_only_own_files_are_taken_oldest_first(tmp_path: Path) -> None:
    for name, boot, turn, since in (
        ("gw.1", "bz", 1, 10),
        ("gw.1", "ba", 2, 20),
        ("gw.1", "ba", 1, 20),
        ("gw", "b", 1, 1),
    ):
        file = SpoolFile.create(tmp_path, new_head("TRAFFIC", name, boot, 0, since), turn)
        file.append([f"{name}/{boot}/{turn}".encode()])
        file.close()
    assert _contents(tmp_path) == [b"gw.1/bz/1", b"gw.1/ba/1", b"gw.1/ba/2"]
    assert len(leftovers(tmp_path, "TRAFFIC", "gw")) == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=50), min_size=1, max_size=6), st.data())
def test_a_torn_tail_costs_only_the_record_it_tore(
    tmp_path_factory: pytest.TempPathFactory, payloads: list[bytes], data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("spool")
    path = _made(directory, payloads)
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    ends = []
    at = len(whole) - sum(8 + len(payload) for payload in payloads)
    for payload in payloads:
        at += 8 + len(payload)
        ends.append(at)
    survivors = [payload for payload, end in zip(payloads, ends, strict=True) if end <= cut]
    assert _contents(directory) == survivors
    # the cut is made good: what is appended from now on is found again
    found = leftovers(directory, "TRAFFIC", "gw.1")
    if found:
        ((file, _),) = found
        file.append([b"after"])
        file.close()
        assert _contents(directory) == [*survivors, b"after"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=50), min_size=2, max_size=6), st.data())
def test_a_flipped_bit_never_passes_for_a_segment(
    tmp_path_factory: pytest.TempPathFactory, payloads: list[bytes], data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("spool")
    path = _made(directory, payloads)
    whole = bytearray(path.read_bytes())
    start = len(whole) - sum(8 + len(payload) for payload in payloads)
    at = data.draw(st.integers(start, len(whole) - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(whole)
    remaining = list(payloads)
    for payload in _contents(directory):
        # in order, and only what had been written
        assert payload in remaining
        remaining = remaining[remaining.index(payload) + 1 :]


def test_a_damaged_file_is_kept_for_people(tmp_path: Path) -> None:
    path = _made(tmp_path, [b"first", b"second", b"third"])
    whole = bytearray(path.read_bytes())
    whole[whole.index(b"second")] ^= 0xFF
    path.write_bytes(whole)
    ((file, records),) = leftovers(tmp_path, "TRAFFIC", "gw.1")
    assert [file.read(*record) for record in records] == [b"first", b"third"] and file.damaged
    file.remove()
    assert [left.suffix for left in tmp_path.iterdir()] == [".damaged"]
    assert leftovers(tmp_path, "TRAFFIC", "gw.1") == []


def test_a_failed_write_leaves_nothing_of_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = SpoolFile.create(tmp_path, new_head("TRAFFIC", "gw.1", "b1", 0, 0), 1)
    file.append([b"kept"])
    real = os.pwrite
    calls = 0

    def full(descriptor: int, data: bytes, offset: int) -> int:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise OSError(28, "No space left on device")
        return real(descriptor, data[:5], offset)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="space"):
        file.append([b"not kept"])
    monkeypatch.undo()
    assert file.path.stat().st_size == file.size
    file.append([b"next"])
    file.close()
    assert _contents(tmp_path) == [b"kept", b"next"]


def test_every_new_directory_is_synced_into_the_one_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    really = os.fsync

    def sync(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        really(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    (tmp_path / "data").mkdir()
    make_directory(tmp_path / "data" / "spool" / "gw.1")
    assert sorted(synced) == [str(tmp_path / "data"), str(tmp_path / "data" / "spool")]
    make_directory(tmp_path / "data" / "spool" / "gw.1")
    assert len(synced) == 2
