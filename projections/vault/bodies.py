"""Sealing and opening of bodies under their subjects' data keys. Who may see a body is decided elsewhere."""

from __future__ import annotations

import asyncio
import hashlib
import os
from contextlib import suppress

from cryptography.exceptions import InvalidTag

from projections.log.connection import LogConnection
from projections.log.ending import end
from projections.vault import periods
from projections.vault.data_keys import DataKey, DataKeys, place_of
from projections.vault.errors import NotAuthentic
from projections.vault.objects import BodyObjects
from projections.vault.vault import NONCE, Vault, bound
from projections.vault.watch import watch
from schemas.facts.traffic import SealedBody
from schemas.ids import Clock, SystemClock

INLINE = 256 * 1024
"""Bytes in the clear up to which a body travels in its fact."""
_IN_THREAD = 1024 * 1024
"""Bytes from which sealing would hold up the event loop for a millisecond or more."""


class BodyVault:
    """Seals request and response bodies: AES-256-GCM under the data key of the subject, bound to its place."""

    def __init__(
        self,
        connection: LogConnection,
        vault: Vault,
        *,
        clock: Clock | None = None,
        bound_keys: int = 10_000,
        trust_s: float = 30.0,
    ) -> None:
        """
        Args:
            bound_keys: most data keys in memory; the longest unused goes first.
            trust_s: seconds until a key in memory is looked up again, and so the most that an erasure by another
                process takes to be in force here while the log is away. Otherwise, once started, it is at once.
                Bodies are sealed on under a key in memory meanwhile, see `DataKeys`.
        """
        self._connection = connection
        self._keys = DataKeys(connection, vault, clock or SystemClock(), bound=bound_keys, trust_s=trust_s)
        self._objects = BodyObjects(connection)
        self._watching: asyncio.Task[None] | None = None

    async def start(self, wait_s: float = 5.0) -> None:
        """Follows erasures by other processes from now on. A process that keeps a vault for longer calls this.

        Args:
            wait_s: returns after this time also when the log has not answered yet; trying goes on.
        """
        follows = asyncio.Event()

        def begin() -> None:
            self._keys.forget_all()
            self._keys.followed = True
            follows.set()

        self._watching = asyncio.create_task(watch(self._connection, begin, self._keys.noticed), name="watch-data-keys")
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await follows.wait()

    async def close(self) -> None:
        if self._watching is not None:
            await end({self._watching})

    def seal_now(
        self, tenant: str, subject: str, request: str, part: str, body: bytes, under: str = ""
    ) -> SealedBody | None:
        """Seals without I/O; None when that is not possible: no data key in memory, or a body over `INLINE`.

        Args:
            part: `request` or `response`.
            under: id of the data key that it must be; empty for the one in force.
        """
        if len(body) > INLINE:
            return None
        key = self._keys.known(tenant, subject)
        if key is None or (under and key.id != under):
            return None
        return _seal(key, tenant, subject, request, part, body)

    async def seal(
        self, tenant: str, subject: str, request: str, part: str, body: bytes, under: str = ""
    ) -> SealedBody:
        """Seals any body. The subject's data key is made on its first use; what is over `INLINE` is stored first.

        Args:
            under: as above. Whatever belongs to a body that was sealed goes under the same key, so that an erasure
                between the two is of both.

        Raises:
            Erased: the data key `under` is gone.
            Unavailable: the key bucket or the object store does not answer.
        """
        key = self._keys.known(tenant, subject)
        if key is None or (under and key.id != under):
            key = await (self._keys.to_open(tenant, subject, under) if under else self._keys.to_seal(tenant, subject))
        if len(body) <= INLINE:
            return _seal(key, tenant, subject, request, part, body)
        if len(body) < _IN_THREAD:
            sealed = _seal(key, tenant, subject, request, part, body)
        else:
            sealed = await asyncio.to_thread(_seal, key, tenant, subject, request, part, body)
        owner = place_of(tenant, subject, periods.of_key(key.id))
        await self._objects.put(sealed.sha256.hex(), sealed.ciphertext, owner)
        return SealedBody(sealed.subject, sealed.key, sealed.nonce, b"", sealed.sha256, sealed.size)

    async def open(self, tenant: str, request: str, part: str, sealed: SealedBody) -> bytes:
        """The body in the clear.

        Raises:
            Erased: the subject's data key is gone.
            NotAuthentic: changed, or sealed for another tenant, subject, request or part.
            NotFound: the object with the ciphertext is no longer kept.
            Unavailable: the key bucket or the object store does not answer.
        """
        key = await self._keys.to_open(tenant, sealed.subject, sealed.key)
        ciphertext = sealed.ciphertext or await self._objects.get(sealed.sha256.hex())
        if hashlib.sha256(ciphertext).digest() != sealed.sha256:
            raise NotAuthentic("a sealed body is not the one that its fact names")
        try:
            return key.cipher.decrypt(sealed.nonce, ciphertext, bound(tenant, sealed.subject, request, part))
        except (InvalidTag, ValueError):
            raise NotAuthentic("a sealed body was sealed for another request, or changed") from None

    async def erase_subject(self, tenant: str, subject: str) -> int:
        """Erases a subject everywhere: without the data keys no copy and no backup of a body can be opened.

        Returns:
            How many keys there were, one for each week in which something was sealed.

        Raises:
            Unavailable: not done, or not known to be done; try again.
        """
        return await self._keys.erase(tenant, subject)

    async def remove_objects(self, tenant: str, subject: str) -> int:
        """Takes the subject's large bodies out of the object store, which nobody can open any more after an erasure.

        Returns:
            How many there were.

        Raises:
            Unavailable: not done, or not all of it; try again.
        """
        return await self._objects.remove_of(place_of(tenant, subject))


def _seal(key: DataKey, tenant: str, subject: str, request: str, part: str, body: bytes) -> SealedBody:
    nonce = os.urandom(NONCE)
    ciphertext = key.cipher.encrypt(nonce, body, bound(tenant, subject, request, part))
    return SealedBody(subject, key.id, nonce, ciphertext, hashlib.sha256(ciphertext).digest(), len(body))
