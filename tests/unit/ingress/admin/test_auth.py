"""The key file is made once and stays private; the authenticator knows whom it knows."""

from __future__ import annotations

import re
import stat
import threading
from pathlib import Path

import pytest

from ingress.admin.auth import ROOT, Authenticator, BadKeyFile, Principal, open_key_file
from schemas.errors import Forbidden, Unauthenticated

KEY = "nxa_" + "a" * 64


def test_a_missing_key_file_is_made_private(tmp_path: Path) -> None:
    key = open_key_file(tmp_path / "deep" / "data")
    path = tmp_path / "deep" / "data" / "admin.key"
    assert re.fullmatch(r"nxa_[0-9a-f]{64}", key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == f"{key}\n"
    assert [found.name for found in path.parent.iterdir()] == ["admin.key"]
    assert open_key_file(tmp_path / "deep" / "data") == key


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    start = threading.Barrier(8)
    keys: list[str] = []

    def begin() -> None:
        start.wait()
        keys.append(open_key_file(tmp_path))

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert [found.name for found in tmp_path.iterdir()] == ["admin.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "admin.key"
    path.write_text(KEY)
    path.chmod(mode)
    with pytest.raises(BadKeyFile, match="chmod 600"):
        open_key_file(tmp_path)


def test_a_file_that_holds_no_key_is_refused_without_telling_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "admin.key"
    path.write_text("nxa_secret")
    path.chmod(0o600)
    with pytest.raises(BadKeyFile) as caught:
        open_key_file(tmp_path)
    assert "nxa_secret" not in str(caught.value)


def test_known_keys_have_their_principals() -> None:
    ann = Principal("ann", frozenset({"acme"}))
    authenticator = Authenticator({KEY: ROOT, "nxa_" + "b" * 64: ann})
    assert authenticator.authenticate(f"Bearer {KEY}") is ROOT
    assert authenticator.authenticate(f"bearer  nxa_{'b' * 64} ") is ann
    assert (ROOT.actor, ann.actor) == ("admin:root", "admin:ann")


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", f"Basic {KEY}", KEY, f"Bearer {KEY}x", "Bearer \udce9"]
)
def test_everything_else_is_nobody(header: str | None) -> None:
    with pytest.raises(Unauthenticated) as caught:
        Authenticator({KEY: ROOT}).authenticate(header)
    assert KEY not in caught.value.message


def test_keys_are_not_kept_in_the_clear() -> None:
    assert KEY not in repr(vars(Authenticator({KEY: ROOT})))


def test_a_principal_is_held_to_its_tenants() -> None:
    ann = Principal("ann", frozenset({"acme"}))
    ann.require("acme")
    ROOT.require("system")
    ROOT.require_all()
    with pytest.raises(Forbidden):
        ann.require("beta")
    with pytest.raises(Forbidden):
        ann.require_all()
