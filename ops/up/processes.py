"""How each of Nexus's processes is started and when it serves. Starts none itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from ops.stack.process import ProcessSpec
from ops.up import serving
from ops.up.options import ADMIN, GATEWAY, MOCK, PROCESSORS, WORKERS
from projections.log.connection import LogConnection
from schemas.settings import Settings, environment_of

SOURCE_ROOT = Path(__file__).resolve().parents[2]
STOP_S: Mapping[str, float] = {GATEWAY: 40.0, ADMIN: 15.0, MOCK: 5.0}
"""What each gets to end in order: more than it gives its own work."""
WORKERS_STOP_S = 25.0
READY_S = 60.0
"""A gateway's first start compiles the rules; a busy machine takes its time."""


def spec(name: str, settings: Settings, connection: LogConnection, mock_port: int) -> ProcessSpec:
    """One process by its name.

    Args:
        connection: through which the consumers of workers are asked whether anybody pulls.
    """
    if name == MOCK:
        arguments = ["ops.mock", "--port", str(mock_port)]
        # it stands for somebody else's server: nothing of ours is its business
        return _spec(name, arguments, None, _http("127.0.0.1", mock_port, "/health"), None)
    if name == GATEWAY:
        ready = _http(settings.gateway_host, settings.gateway_port, "/ready")
        return _spec(name, ["ingress.gateway"], settings, ready, None)
    if name == ADMIN:
        return _spec(name, ["ingress.admin"], settings, _http(settings.admin_host, settings.admin_port, "/ready"), None)
    processors = PROCESSORS if name == WORKERS else (name,)
    # the file is made by `python -m processors`, by the name of its writer
    working = serving.Working(
        connection, settings.data / "run" / f"{writer_of(name)}.beat", processors, settings.partitions
    )
    arguments = ["processors", "all" if name == WORKERS else name]
    return _spec(name, arguments, settings, working.check, working.forget)


def writer_of(name: str) -> str:
    """The name of a process's chains on the log: the same after every start."""
    return f"{name}-1"


def _spec(
    name: str,
    arguments: list[str],
    settings: Settings | None,
    ready: Callable[[], Awaitable[None]],
    prepare: Callable[[], Awaitable[None]] | None,
) -> ProcessSpec:
    own = {} if settings is None else environment_of(msgspec.structs.replace(settings, writer=writer_of(name)))
    return ProcessSpec(
        name=name,
        # -P: our packages are found through the installation or the path below, never in the working directory
        argv=[sys.executable, "-P", "-m", *arguments],
        env={**own, "PYTHONPATH": python_path()},
        prepare=prepare,
        ready=ready,
        stop_timeout=STOP_S.get(name, WORKERS_STOP_S),
        ready_timeout=READY_S,
    )


def python_path() -> str:
    """The caller's own, behind where this code was loaded from: the processes are of the same version."""
    return os.pathsep.join([str(SOURCE_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


def url(host: str, port: int) -> str:
    """Where callers on this machine reach a server that listens on a host."""
    return f"http://{_reachable(host)}:{port}"


def port_of(address: str) -> int:
    """The port in a URL of ours."""
    port = urlsplit(address).port
    if port is None:
        raise ValueError("the URL has no port")
    return port


def _http(host: str, port: int, path: str) -> Callable[[], Awaitable[None]]:
    async def ready() -> None:
        await serving.check_http(_reachable(host).strip("[]"), port, path)

    return ready


def _reachable(host: str) -> str:
    """An address for `any interface` is none that one can connect to."""
    known = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}
    return known.get(host, f"[{host}]" if ":" in host else host)
