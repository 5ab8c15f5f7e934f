"""The connection to Valkey: scripts by hash, bounded waits, one error for everything that can go wrong."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any

from valkey.asyncio import Valkey
from valkey.asyncio.retry import Retry
from valkey.backoff import NoBackoff
from valkey.exceptions import NoScriptError, ValkeyError

from projections.valkey.refusals import unavailable
from projections.valkey.scripts import EPOCH

Argument = str | int


class Script:
    """A script and the hash that Valkey knows it by."""

    __slots__ = ("sha", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class Store:
    """Calls Valkey. Every method raises `Unavailable` when it does not answer; whether it acted is then unknown."""

    def __init__(self, url: str, *, timeout_s: float = 2.0) -> None:
        """
        Args:
            url: `valkey://[:password@]host:port/db`; empty when there is none, then every call fails.
            timeout_s: of one call.
        """
        self._timeout_s = timeout_s
        self._client: Valkey | None = None
        if url:
            self._client = Valkey.from_url(
                url,
                # its own timeout wraps every write in asyncio.wait_for, which makes a task each time and, before
                # Python 3.12, loses a cancellation that arrives as the write completes
                socket_timeout=None,
                socket_connect_timeout=timeout_s,
                # whoever calls knows better when to try again, and with what
                retry=Retry(NoBackoff(), 0),
            )

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """One script call."""
        client: Any = self._connected()
        try:
            async with asyncio.timeout(self._timeout_s):
                try:
                    return await client.execute_command("EVALSHA", script.sha, len(keys), *keys, *arguments)
                except NoScriptError:
                    return await client.execute_command("EVAL", script.text, len(keys), *keys, *arguments)
        except (ValkeyError, OSError, TimeoutError) as error:
            raise unavailable(type(error).__name__) from None

    async def run_many(self, script: Script, calls: Sequence[tuple[str, Sequence[Argument]]]) -> list[Any]:
        """One script on many keys, each on its own, in one round trip. The script must bear being run twice."""
        client = self._connected()
        try:
            async with asyncio.timeout(self._timeout_s):
                answers = await self._pipeline(client, script, calls)
                if any(isinstance(answer, NoScriptError) for answer in answers):
                    await client.script_load(script.text)
                    answers = await self._pipeline(client, script, calls)
        except (ValkeyError, OSError, TimeoutError) as error:
            raise unavailable(type(error).__name__) from None
        for answer in answers:
            if isinstance(answer, Exception):
                raise unavailable(type(answer).__name__)
        return answers

    async def epoch(self) -> str:
        """Changes whenever the server may have forgotten something: it was started anew, or it was flushed.

        Empty when the mark is missing."""
        client = self._connected()
        try:
            async with asyncio.timeout(self._timeout_s), client.pipeline(transaction=False) as pipeline:
                pipeline.get(EPOCH)
                pipeline.info("server")
                mark, info = await pipeline.execute()
        except (ValkeyError, OSError, TimeoutError) as error:
            raise unavailable(type(error).__name__) from None
        return f"{info['run_id']}/{mark.decode()}" if mark else ""

    async def set_mark(self, mark: str) -> None:
        """Writes the mark unless there is one."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._connected().set(EPOCH, mark, nx=True)
        except (ValkeyError, OSError, TimeoutError) as error:
            raise unavailable(type(error).__name__) from None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    def _connected(self) -> Valkey:
        if self._client is None:
            raise unavailable("NEXUS_VALKEY_URL is not set")
        return self._client

    @staticmethod
    async def _pipeline(client: Valkey, script: Script, calls: Sequence[tuple[str, Sequence[Argument]]]) -> list[Any]:
        async with client.pipeline(transaction=False) as pipeline:
            for key, arguments in calls:
                pipeline.execute_command("EVALSHA", script.sha, 1, key, *arguments)
            answers: list[Any] = await pipeline.execute(raise_on_error=False)
        return answers
