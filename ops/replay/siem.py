"""A replay to one SIEM target, by name and on demand only. Every event is marked as resent and keeps its id."""

from __future__ import annotations

import asyncio
import http.client
import ssl
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from ops.cli.exits import NOT_FOUND, CommandFailed, Misused
from ops.replay.run import Item
from projections.live.past import Past
from projections.log.api import publish
from projections.log.connection import LogConnection
from projections.vault import BadMasterKey, NotAuthentic, open_vault
from schemas import subjects
from schemas.aggregates.siem_target import SiemTarget
from schemas.ocsf.lines import resent_line_of, security_event_of
from schemas.settings import Settings

MOST_LINES = 500
MOST_BYTES = 1024 * 1024
TIMEOUT_S = 15.0
ATTEMPTS = 4
FIRST_RETRY_S = 0.5
_PASSING = frozenset({408, 425, 429})

Line = tuple[str, bytes]
"""Id of the event, and its JSON with a line feed."""


def target_of(configuration: Past, name: str) -> SiemTarget:
    """The target that `NAME` or `TENANT/NAME` means.

    Raises:
        CommandFailed: there is none, it is disabled, or it is of a kind that takes nothing twice.
        Misused: there are several.
    """
    tenant, _, identifier = name.rpartition("/")
    named = [entry.state for entry in configuration.entries("siem-target", tenant) if entry.id == identifier]
    found = [state for state in named if isinstance(state, SiemTarget)]
    if not found:
        raise CommandFailed(f"there is no SIEM target {name}; `nexus at now config` lists what there is", NOT_FOUND)
    if len(found) > 1:
        choice = ", ".join(f"siem:{spec.tenant}/{spec.id}" for spec in found)
        raise Misused(f"several tenants have a SIEM target {name}: name one of {choice}")
    spec = found[0]
    if not spec.enabled:
        raise CommandFailed(f"the SIEM target {spec.tenant}/{spec.id} is disabled; enable it first")
    if spec.kind == "file":
        raise CommandFailed(
            f"the SIEM target {spec.tenant}/{spec.id} is a file, which holds every event once and says by its last "
            "line how far it is; replay into a file of its own with --into file:PATH"
        )
    return spec


async def token_of(spec: SiemTarget, settings: Settings, connection: LogConnection) -> str:
    """What the receiver is shown; empty for nothing.

    Raises:
        CommandFailed: the master key is not here, or is another one.
    """
    if spec.token is None:
        return ""
    if not settings.master_key and not (settings.data / "master.key").exists():
        raise CommandFailed(
            "the target's token is sealed, and the master key is not here: set NEXUS_MASTER_KEY, or name the data "
            "directory with --data"
        )
    try:
        vault = await open_vault(settings, connection)
        return vault.open_secret("siem-target", spec.tenant, spec.id, spec.token)
    except (BadMasterKey, NotAuthentic) as problem:
        raise CommandFailed(str(problem)) from None


class SiemSender:
    """One target, for one run."""

    size = 0

    def __init__(self, connection: LogConnection, spec: SiemTarget, token: str, job: str) -> None:
        """
        Args:
            job: id of this run; part of the ids of what it sends, which are not those of the first sending.
        """
        self._connection = connection
        self._spec = spec
        self._token = token
        self._name = f"resend/{job}/{spec.tenant}/{spec.id}"

    async def take(self, items: Sequence[Item]) -> int:
        """Returns once the receiver has all of them.

        Raises:
            CommandFailed: it does not take them; the same command goes on from the last mark.
            Unavailable: EXPORT does not take them.
        """
        for lines in _batches(items):
            if self._spec.kind == "http":
                await self._post(lines)
            else:
                await self._export(lines)
        return len(items)

    async def _export(self, lines: Sequence[Line]) -> None:
        subject = subjects.export(self._spec.tenant)
        acks = await asyncio.gather(
            *(
                publish(self._connection, subject, data[:-1], {"Nats-Msg-Id": f"{self._name}/{uid}"})
                for uid, data in lines
            )
        )
        refused = next((ack.error for ack in acks if ack.error is not None), None)
        if refused is not None:
            raise CommandFailed(f"EXPORT refuses: {refused.description}; the same command goes on from the last mark")

    async def _post(self, lines: Sequence[Line]) -> None:
        headers = {
            "Content-Type": "application/x-ndjson",
            "User-Agent": "nexus/0.1",
            "Idempotency-Key": f"{self._name}/{lines[0][0]}",
        }
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        body = b"".join(data for _, data in lines)
        said: int | str = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(FIRST_RETRY_S * 2 ** (attempt - 1))
            said = await asyncio.to_thread(_posted, self._spec.url, headers, body)
            if isinstance(said, int) and (200 <= said < 300 or (said < 500 and said not in _PASSING)):
                break
        if not (isinstance(said, int) and 200 <= said < 300):
            how = f"status {said}" if isinstance(said, int) else said
            raise CommandFailed(
                f"the SIEM target {self._spec.tenant}/{self._spec.id} does not take the events ({how}); once it does, "
                "the same command goes on from the last mark"
            )


def _batches(items: Sequence[Item]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    size = 0
    for item in items:
        data = resent_line_of(security_event_of(item.fact, item.position.sequence, item.index))
        if batch and (len(batch) == MOST_LINES or size + len(data) > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((item.fact.id, data))
        size += len(data)
    if batch:
        yield batch


def _posted(url: str, headers: dict[str, str], body: bytes) -> int | str:
    """Status, or the kind of failure; never an error's text, which may hold the URL and a token in it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection = (
        http.client.HTTPSConnection(host, parts.port, timeout=TIMEOUT_S, context=ssl.create_default_context())
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT_S)
    )
    try:
        connection.request("POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException, ValueError) as error:
        return type(error).__name__
    finally:
        connection.close()
