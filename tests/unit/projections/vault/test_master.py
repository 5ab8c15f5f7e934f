"""The master key's file: made once, read by its owner only, refused otherwise."""

from __future__ import annotations

import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from projections.vault import BadMasterKey, master
from projections.vault.opening import masters
from schemas.settings import Settings


def test_a_missing_file_is_made_for_its_owner_only(tmp_path: Path) -> None:
    key = master.from_file(tmp_path / "data")
    path = tmp_path / "data" / master.FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(key) == 32
    assert master.from_file(tmp_path / "data") == key
    assert [entry.name for entry in (tmp_path / "data").iterdir()] == [master.FILE]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o601])
def test_looser_modes_are_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    master.from_file(tmp_path)
    (tmp_path / master.FILE).chmod(mode)
    with pytest.raises(BadMasterKey, match="chmod 600"):
        master.from_file(tmp_path)


def test_a_link_or_directory_in_its_place_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    master.from_file(elsewhere)
    (tmp_path / master.FILE).symlink_to(elsewhere / master.FILE)
    with pytest.raises(BadMasterKey):
        master.from_file(tmp_path)
    folder = tmp_path / "folder"
    (folder / master.FILE).mkdir(parents=True, mode=0o700)
    with pytest.raises(BadMasterKey, match="plain file"):
        master.from_file(folder)


@pytest.mark.parametrize("text", ["", "00" * 31, "00" * 33, "zz" * 32, "correct horse battery staple"])
def test_anything_but_64_hex_digits_is_refused_unquoted(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadMasterKey) as caught:
        master.parse(text)
    assert not text or text not in str(caught.value)
    path = tmp_path / master.FILE
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(BadMasterKey) as caught:
        master.from_file(tmp_path)
    assert not text or text not in str(caught.value)


def test_the_setting_wins_over_the_file(tmp_path: Path) -> None:
    settings = Settings(nats_url="", data_dir=str(tmp_path), master_key="ab" * 32)
    master.from_file(tmp_path)
    assert list(masters(settings)) == [bytes.fromhex("ab" * 32)]
    assert list(masters(Settings(nats_url="", data_dir=str(tmp_path)))) == [master.read(tmp_path / master.FILE)]


def _first_use(directory: str, answers: multiprocessing.Queue[str]) -> None:
    answers.put(master.from_file(Path(directory)).hex())


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    answers: multiprocessing.Queue[str] = context.Queue()
    workers = [context.Process(target=_first_use, args=(str(tmp_path), answers)) for _ in range(4)]
    for worker in workers:
        worker.start()
    seen = {answers.get(timeout=30) for _ in workers}
    for worker in workers:
        worker.join(30)
    assert len(seen) == 1
    assert os.listdir(tmp_path) == [master.FILE]
