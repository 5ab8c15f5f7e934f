"""Places of a pool: none is lost, none is given twice, and who came first goes first."""

from __future__ import annotations

import asyncio

from ingress.gateway.pool import Places


async def turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_who_came_first_gets_the_place_first() -> None:
    places = Places(1)
    assert places.take_now()
    assert not places.take_now()
    first, second = asyncio.create_task(places.take()), asyncio.create_task(places.take())
    await turns()
    places.give()
    await turns()
    assert (first.done(), second.done()) == (True, False)
    assert not places.take_now()
    places.give()
    await second
    places.give()
    assert places.take_now()


async def test_a_place_of_one_who_left_goes_to_the_next() -> None:
    places = Places(1)
    await places.take()
    gone, told, last = (asyncio.create_task(places.take()) for _ in range(3))
    await turns()
    gone.cancel()
    await turns()
    places.give()  # to the second, who leaves in the same turn
    told.cancel()
    await turns()
    assert gone.cancelled()
    assert told.cancelled()
    await last
    assert not places.take_now()
    places.give()
    assert places.take_now()
    assert not places.take_now()
