"""Free ports, and the same ones again."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from ops.stack.ports import LOOPBACK, PortBook, free_port, is_free


def test_a_free_port_is_free_and_a_taken_one_is_not() -> None:
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        server.listen()
        assert not is_free(server.getsockname()[1])
    assert is_free(free_port())


def test_a_port_is_below_those_of_outgoing_connections() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(1024 < free_port() < max(lowest, 65536 if lowest < 13_000 else lowest) for _ in range(20))


def test_a_service_gets_its_port_again(tmp_path: Path) -> None:
    path = tmp_path / "run" / "ports.json"
    book = PortBook(path)
    ports = {name: book.port(name) for name in ("nats", "postgres")}
    assert len(set(ports.values())) == 2
    again = PortBook(path)
    assert {name: again.port(name) for name in ports} == ports
    assert json.loads(path.read_text()) == ports


def test_a_port_that_somebody_took_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        server.listen()
        taken = server.getsockname()[1]
        path.write_text(json.dumps({"nats": taken}))
        port = PortBook(path).port("nats")
    assert port != taken and json.loads(path.read_text()) == {"nats": port}


def test_a_port_chosen_elsewhere_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    book = PortBook(path)
    assert book.known("gateway") is None
    book.keep("gateway", 3050)
    assert PortBook(path).known("gateway") == 3050
    book.keep("gateway", 3051)
    assert json.loads(path.read_text()) == {"gateway": 3051}
