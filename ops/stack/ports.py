"""Ports on the loopback interface: a free one for each service, the same again after a restart. Opens no service."""

from __future__ import annotations

import json
import random
import socket
from pathlib import Path

from ops.stack.credentials import write_private

LOOPBACK = "127.0.0.1"
_LOWEST = 12_000
_ATTEMPTS = 200
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def is_free(port: int) -> bool:
    """Whether a server could listen on the loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
        return True


def free_port() -> int:
    """A free port below the range the kernel gives to outgoing connections, where that range leaves room.

    A port of that range could not be kept for a restart: while the service is down, a client's own reconnecting
    socket may be given the very port it dials, connect to itself and hold the port for good.
    """
    try:
        highest = int(_EPHEMERAL_RANGE.read_text(encoding="ascii").split()[0])
    except OSError:  # not Linux
        highest = 0
    for _ in range(_ATTEMPTS if highest - _LOWEST > _ATTEMPTS else 0):
        port = random.randrange(_LOWEST, highest)
        if is_free(port):
            return port
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        chosen: int = probe.getsockname()[1]
        return chosen


class PortBook:
    """Remembers in a JSON file (name -> port) which port each service had, and gives it again while it is free."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ports: dict[str, int] = {}
        if path.exists():
            self._ports = {str(name): int(port) for name, port in json.loads(path.read_text()).items()}

    def port(self, name: str) -> int:
        """The port of ``name``: the remembered one, or a new one when there is none or somebody took it."""
        known = self._ports.get(name)
        if known is not None and is_free(known):
            return known
        port = free_port()
        while port in self._ports.values():
            port = free_port()
        self._ports[name] = port
        self._save()
        return port

    def known(self, name: str) -> int | None:
        """The remembered port, whether or not it is free now; None when there is none."""
        return self._ports.get(name)

    def keep(self, name: str, port: int) -> None:
        """Remember a port that was chosen elsewhere."""
        if self._ports.get(name) != port:
            self._ports[name] = port
            self._save()

    def _save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # callers know these ports: a power cut must not leave an empty file
        write_private(self._path, json.dumps(self._ports, indent=2, sort_keys=True) + "\n")
