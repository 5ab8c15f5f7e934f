"""Large sealed bodies in the object store: kept by the hash of their ciphertext, labelled with whose they are."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from nats.errors import Error as NatsError
from nats.js.api import ObjectMeta
from nats.js.errors import NotFoundError, ObjectNotFoundError
from nats.js.object_store import ObjectStore

from projections.log.api import ApiError
from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from schemas.errors import NotFound, Unavailable
from schemas.topology import BODIES

_STREAM = f"OBJ_{BODIES}"
_METAS = f"$O.{BODIES}.M.*"


class _Meta(msgspec.Struct):
    """What is needed of an object's own record (ADR-20 of NATS)."""

    name: str
    description: str | None = None
    deleted: bool | None = None


class BodyObjects:
    """The object store of bodies."""

    def __init__(self, connection: LogConnection) -> None:
        self._connection = connection
        self._store: ObjectStore | None = None

    async def put(self, name: str, ciphertext: bytes, owner: str) -> None:
        """Raises Unavailable when the store does not answer."""
        try:
            store = await self._open()
            await store.put(name, ciphertext, ObjectMeta(name=name, description=owner))
        except (NatsError, OSError, TimeoutError) as error:
            raise _unavailable(error) from None

    async def get(self, name: str) -> bytes:
        """The ciphertext.

        Raises:
            NotFound: it is no longer kept.
            Unavailable: the store does not answer.
        """
        try:
            store = await self._open()
            return (await store.get(name)).data or b""
        except (ObjectNotFoundError, NotFoundError):
            raise NotFound("The text is no longer kept.", code="body_not_kept") from None
        except (NatsError, OSError, TimeoutError) as error:
            raise _unavailable(error) from None

    async def remove_of(self, owner: str) -> int:
        """Takes out everything with this label, or one of its weeks; how many there were."""
        return await self.remove(lambda label: label == owner or label.startswith(f"{owner}."))

    async def remove(self, wanted: Callable[[str], bool]) -> int:
        """Takes out everything whose label is wanted; how many there were. Reads the records of all, not the objects.

        Raises:
            Unavailable: the store does not answer; some may be gone already, so try again.
        """
        removed = 0
        try:
            store = await self._open()
            async for batch in StreamReader(self._connection, _STREAM, subjects=(_METAS,)).batches(follow=False):
                for message in batch:
                    meta = msgspec.json.decode(message.payload, type=_Meta)
                    if not meta.deleted and wanted(meta.description or ""):
                        removed += await _remove(store, meta.name)
        except (NatsError, OSError, TimeoutError, ApiError) as error:
            raise _unavailable(error) from None
        return removed

    async def _open(self) -> ObjectStore:
        if self._store is None:
            self._store = await self._connection.js.object_store(BODIES)
        return self._store


async def _remove(store: ObjectStore, name: str) -> int:
    try:
        await store.delete(name)
    except (ObjectNotFoundError, NotFoundError):
        # somebody else takes them out at the same time
        return 0
    return 1


def _unavailable(error: Exception) -> Unavailable:
    return Unavailable(f"the store of large bodies does not answer ({type(error).__name__}); try again", retry_after=1)
