"""The configuration of a start: the file of `--config`, or on the first start what can be tried out at once.

What a first start has done is noted in a file, so that one that was interrupted is finished by the next, and no key is
made twice without the first being revoked.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ops.cli.admin_client import AdminClient, AdminRefused, path_of
from ops.cli.apply import send
from ops.cli.configuration import Item, read_file
from ops.cli.exits import CommandFailed
from ops.stack.credentials import read_secret, write_private
from ops.up import serving
from ops.up.nexus import Nexus
from ops.up.options import ADMIN, GATEWAY, MOCK
from ops.up.ports import MOCK_PORT
from ops.up.processes import port_of, url
from schemas.envelope import parse_position

STAMP_FILE = "first-start.json"
ADMIN_KEY_FILE = "admin.key"
DEMO = "demo"
"""Id of the tenant, and of its virtual key when nothing went wrong."""
BEGUN, DONE = "begun", "done"
KEYS = "/virtual-keys"
FOLD_S = 10.0
_POLL_S = 0.02


@dataclass(frozen=True)
class Issued:
    """A virtual key that was just made. Its text is nowhere else, not even in a repr."""

    tenant: str
    id: str
    key: str
    demo: bool = False

    @property
    def line(self) -> str:
        """For the terminal."""
        return f"virtual key: {self.key}" if self.demo else f"virtual key of {self.tenant}/{self.id}: {self.key}"

    def __repr__(self) -> str:
        return f"Issued({self.tenant!r}, {self.id!r})"


class NotApplied(CommandFailed):
    """The configuration is in force in part. `keys` were issued before the failure; nobody can show them again."""

    def __init__(self, message: str, keys: list[Issued]) -> None:
        super().__init__(message)
        self.keys = keys


class Configured:
    """What a start did to the configuration; `finish` once its keys have been shown."""

    def __init__(self, keys: list[Issued], stamp: Path | None = None, note: Mapping[str, str] | None = None) -> None:
        self.keys = keys
        self._stamp = stamp
        self._note = note

    def finish(self) -> None:
        """Notes that the first start came to its end. Idempotent."""
        if self._stamp is not None and self._note is not None:
            _write(self._stamp, self._note)


async def configure(nexus: Nexus) -> Configured:
    """Brings the configuration of this start into force and returns once the gateway has it.

    Raises:
        CommandFailed: the admin plane refused, or did not answer.
    """
    if ADMIN not in nexus.options.processes:
        return Configured([])
    data = nexus.options.data
    admin = AdminClient(nexus.endpoints[ADMIN], read_secret(data / ADMIN_KEY_FILE))
    mock = nexus.endpoints.get(MOCK) or url("127.0.0.1", MOCK_PORT)
    work = Configuring(admin, data / STAMP_FILE, f"{mock}/v1")
    # the client blocks; the processes stay children of this thread
    done = await asyncio.to_thread(work.configure, nexus.options.items)
    if work.position and GATEWAY in nexus.options.processes:
        await _folded(nexus.endpoints[GATEWAY], parse_position(work.position).sequence)
    return done


class Configuring:
    """The commands of one start. Blocks."""

    def __init__(self, admin: AdminClient, stamp: Path, mock_url: str) -> None:
        self.position = ""
        """Of the last command; empty while there was none."""
        self._admin = admin
        self._stamp = stamp
        self._mock_url = mock_url

    def configure(self, items: tuple[Item, ...] | None) -> Configured:
        """Sends what is to be sent.

        Args:
            items: of the file of `--config`; None without one.

        Raises:
            NotApplied, CommandFailed
        """
        note = _read(self._stamp)
        if items is not None:
            keys = self._send(list(items))
            if note.get("state") == DONE:
                return Configured(keys)
            # with a configuration of its own, this data needs no demo any more
            return Configured(keys, self._stamp, {"state": DONE, "made": "file"})
        if not note and self._tenants():
            # the log was there before this directory: whatever is on it, it is not ours to complete
            return Configured([], self._stamp, {"state": DONE, "made": "nothing"})
        if note.get("state") == DONE:
            return self._moved_mock(note)
        return self._demo(note)

    def _demo(self, note: Mapping[str, str]) -> Configured:
        """Makes the demo, or what is still missing of it."""
        identifier = note.get("key", DEMO)
        if note and self._revoke(identifier):
            # the start that made it ended before it could say so; whether anybody saw it is not known
            identifier = f"{DEMO}-{secrets.token_hex(3)}"
        begun = {"state": BEGUN, "made": DEMO, "key": identifier, "mock": self._mock_url}
        _write(self._stamp, begun)
        self._send(demo_items(self._mock_url))
        made = self._admin.call("POST", KEYS, body={"id": identifier, "tenant": DEMO, "name": "first key"})
        self.position = made.position or self.position
        key = Issued(DEMO, identifier, made.body["key"], demo=True)
        return Configured([key], self._stamp, {**begun, "state": DONE})

    def _moved_mock(self, note: Mapping[str, str]) -> Configured:
        """Tells the demo's provider account where the mock provider is now, unless somebody else changed it."""
        before = note.get("mock", "")
        if before in ("", self._mock_url):
            return Configured([])
        path = path_of("providers", "mock")
        try:
            if self._admin.get(path, {"tenant": DEMO})["base_url"] == before:
                change = {"base_url": self._mock_url}
                reply = self._admin.call("PATCH", path, query={"tenant": DEMO}, body=change)
                self.position = reply.position
        except AdminRefused as refusal:
            if refusal.status not in (400, 404):
                raise
        return Configured([], self._stamp, {**note, "mock": self._mock_url})

    def _send(self, items: list[Item]) -> list[Issued]:
        keys: list[Issued] = []
        done: list[str] = []

        def told(row: dict[str, Any]) -> None:
            done.append(row["id"])
            self.position = row["position"] or self.position

        def issued(key: dict[str, str]) -> None:
            keys.append(Issued(key["tenant"], key["id"], key["key"]))

        try:
            send(self._admin, items, told, issued)
        except CommandFailed as failure:
            left = items[len(done)]
            raise NotApplied(f"{left.place} ({left.id}) was not applied: {failure.message}", keys) from None
        return keys

    def _tenants(self) -> list[Any]:
        return list(self._admin.pages("/tenants"))

    def _revoke(self, identifier: str) -> bool:
        """Makes a key useless; False when it was never made."""
        query = {"tenant": DEMO, "reason": "the start that made it was interrupted"}
        try:
            self._admin.call("DELETE", KEYS + path_of(identifier), query=query)
        except AdminRefused as refusal:
            if refusal.status not in (400, 404, 409):
                raise
            # no such tenant or key, or revoked already
            return refusal.status == 409
        return True


def demo_items(mock_url: str) -> list[Item]:
    """The commands of the bundled configuration."""
    text = resources.files("ops").joinpath("demo.toml").read_text(encoding="utf-8")
    return read_file("demo.toml", text, {"MOCK_URL": mock_url})


async def _folded(gateway: str, sequence: int) -> None:
    """Returns when the gateway decides by the configuration at a position.

    Raises:
        CommandFailed: it does not get there.
    """
    give_up, at = time.monotonic() + FOLD_S, urlsplit(gateway)
    while time.monotonic() < give_up:
        try:
            status, body = await serving.get(at.hostname or "", port_of(gateway), "/ready")
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            status, body = 0, None
        if status == 200 and isinstance(body, dict) and parse_position(body["config_position"]).sequence >= sequence:
            return
        await asyncio.sleep(_POLL_S)
    raise CommandFailed(f"the gateway did not take up its configuration within {FOLD_S:g} s; its log says more")


def _read(stamp: Path) -> dict[str, str]:
    try:
        note: dict[str, str] = json.loads(stamp.read_text())
    except FileNotFoundError:
        return {}
    return note


def _write(stamp: Path, note: Mapping[str, str]) -> None:
    write_private(stamp, json.dumps(note) + "\n")
