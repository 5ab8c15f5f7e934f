"""Letting weeks of bodies go: without their data keys, no copy of what they sealed can be opened. No policy."""

from __future__ import annotations

from collections.abc import Collection

from projections.log import api
from projections.log.connection import LogConnection
from projections.vault import periods
from projections.vault.data_keys import place_of, places_like
from projections.vault.objects import BodyObjects
from projections.vault.ring_store import STREAM, overwrite
from schemas.subjects import token
from schemas.topology import VAULT


async def expired(
    connection: LogConnection, tenant: str, before_us: int, held: Collection[str]
) -> tuple[set[str], int]:
    """(places of data keys of weeks that ended before a time, how many more a legal hold keeps).

    Args:
        held: pseudonyms under a hold.

    Raises:
        Unavailable: the key store does not answer.
    """
    keep = {place_of(tenant, subject) for subject in held}
    found: set[str] = set()
    kept = 0
    for place in await places_like(connection, f"$KV.{VAULT}.{token(tenant)}.*.*"):
        own, _, period = place.rpartition(".")
        if not period.isdecimal() or periods.end_us(period) > before_us:
            continue
        if own in keep:
            kept += 1
        else:
            found.add(place)
    return found, kept


async def destroy(connection: LogConnection, place: str) -> bool:
    """Destroys the data key at a place, and what an erasure left there; False when there was no key.

    Raises:
        Unavailable: not known to be done; try again.
    """
    had = False
    while (stored := await api.get_message(connection, STREAM, last_of=place)) is not None:
        had = had or bool(stored.payload)
        await overwrite(connection, stored)
    return had


async def remove_objects(connection: LogConnection, places: Collection[str]) -> int:
    """Takes the large bodies of these weeks out of the object store; how many there were.

    Raises:
        Unavailable: not done, or not all of it.
    """
    return await BodyObjects(connection).remove(lambda label: label in places)
