"""Which port a process gets: asked for, remembered, the default; and what is said when somebody has it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.cli.exits import CommandFailed
from ops.stack.ports import PortBook, free_port
from ops.up import ports
from ops.up.ports import choose, choose_mock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ports.json"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        port: int = somebody.getsockname()[1]
        yield port


def test_the_default_is_kept(path: Path) -> None:
    default = free_port()
    assert choose(PortBook(path), "gateway", None, default) == default
    assert choose(PortBook(path), "gateway", None, free_port()) == default


def test_a_free_one_is_kept_too(path: Path) -> None:
    port = choose(PortBook(path), "gateway", 0, 3050)
    assert choose(PortBook(path), "gateway", None, 3050) == port
    assert choose(PortBook(path), "gateway", 0, 3050) == port


def test_what_is_asked_for_replaces_what_was(path: Path) -> None:
    choose(PortBook(path), "gateway", 0, 3050)
    wanted = free_port()
    assert choose(PortBook(path), "gateway", wanted, 3050) == wanted
    assert choose(PortBook(path), "gateway", None, 3050) == wanted


def test_two_processes_never_share_one(path: Path) -> None:
    book = PortBook(path)
    assert choose(book, "gateway", 0, 3050) != choose(book, "admin", 0, 3001)


@pytest.mark.parametrize("how", ["asked", "default", "remembered"])
def test_a_port_in_use_is_an_error_that_names_the_flag(how: str, path: Path, taken: int) -> None:
    book = PortBook(path)
    if how == "remembered":
        book.keep("admin", taken)
    with pytest.raises(CommandFailed, match=rf"port {taken} of the admin is in use.*--admin-port N"):
        choose(book, "admin", taken if how == "asked" else None, taken if how == "default" else free_port())


def test_a_free_one_is_found_when_the_remembered_is_in_use(path: Path, taken: int) -> None:
    book = PortBook(path)
    book.keep("admin", taken)
    assert choose(book, "admin", 0, 3001) != taken


def test_the_mock_provider_takes_its_own_port_or_any(path: Path, taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    default = free_port()
    monkeypatch.setattr(ports, "MOCK_PORT", default)
    assert choose_mock(PortBook(path), "mock") == default
    book = PortBook(path)
    book.keep("mock", taken)
    assert choose_mock(book, "mock") == default
    monkeypatch.setattr(ports, "MOCK_PORT", taken)
    book.keep("mock", taken)
    other = choose_mock(book, "mock")
    assert other not in (taken, default)
    assert choose_mock(PortBook(path), "mock") == other
