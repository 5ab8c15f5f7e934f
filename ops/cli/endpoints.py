"""Where a running Nexus is and with which key: the data directory's files, or the environment. No requests."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from ops.cli.admin_client import AdminClient
from ops.cli.exits import UNAUTHENTICATED, CommandFailed

URL = "NEXUS_ADMIN_URL"
KEY = "NEXUS_ADMIN_KEY"
FILE = "endpoints.json"
KEY_FILE = "admin.key"


def read_endpoints(data: Path) -> dict[str, str]:
    """URL by service: gateway, admin, nats, postgres, clickhouse, valkey, mock; and siem_file, a path.

    Raises:
        CommandFailed: nothing was started there.
    """
    path = data / FILE
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise CommandFailed(
            f"nothing runs with the data directory {data}: start it with `nexus up --data {data}`, "
            "or name another one with --data"
        ) from None
    except (OSError, ValueError) as problem:
        raise CommandFailed(f"{path} cannot be read ({type(problem).__name__}); start Nexus again") from None
    return {name: url for name, url in content.items() if isinstance(url, str)}


def url_of(service: str, data: Path) -> str:
    """The URL of one service.

    Raises:
        CommandFailed: it is not running there.
    """
    found = read_endpoints(data).get(service)
    if not found:
        raise CommandFailed(f"{service} was not started with the data directory {data}; see `nexus status`")
    return found


def admin_of(data: Path, environment: Mapping[str, str] = os.environ) -> AdminClient:
    """A client for the admin plane.

    Raises:
        CommandFailed: where it is, or the key, is not known.
    """
    url = environment.get(URL) or url_of("admin", data)
    return AdminClient(url, environment.get(KEY) or _key(data))


def _key(data: Path) -> str:
    path = data / KEY_FILE
    try:
        return path.read_text().strip()
    except OSError as problem:
        raise CommandFailed(
            f"the admin key in {path} cannot be read ({problem.strerror}); set {KEY}, or name the data directory "
            "with --data",
            UNAUTHENTICATED,
        ) from None
