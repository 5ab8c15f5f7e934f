"""Compressed bodies on the loop: a caller's request, and a provider's answer as it arrives. Decoding is `inflating`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ingress.gateway.http1 import BrokenExchange
from ingress.gateway.inflating import ACCEPTED, PIECE, InflateError, Inflater, OverCap, UnknownCoding
from schemas.errors import InvalidRequest, TooLarge, UnsupportedType

if TYPE_CHECKING:
    from ingress.gateway.upstream import Exchange

TURN_BYTES = 256 * 1024
"""Bytes of a body, in or out, after which others have their turn."""


class UnsupportedCoding(UnsupportedType):
    """The request's body is compressed in a way that is not taken (RFC 9110, 15.5.16: told with `Accept-Encoding`)."""


def inflater_of(coding: bytes, limit: int) -> Inflater:
    """What undoes a request's `Content-Encoding`.

    Raises:
        UnsupportedCoding
    """
    try:
        return Inflater(coding.decode("latin-1"), limit)
    except UnknownCoding:
        raise UnsupportedCoding(f"Send the body plain, or compressed by one of {ACCEPTED}.") from None


async def inflated(body: bytes, inflater: Inflater, limit: int) -> bytes:
    """A request's body as it was before it was compressed.

    Raises:
        TooLarge: it is larger than `limit` bytes, said as soon as it is.
        InvalidRequest: it is not compressed as its header says.
    """
    out: list[bytes] = []
    done = 0
    try:
        for start in range(0, len(body), PIECE):
            if start and start % TURN_BYTES == 0:
                await asyncio.sleep(0)
            for piece in inflater.feed(body[start : start + PIECE]):
                out.append(piece)
                done += len(piece)
                if done >= TURN_BYTES:
                    done = 0
                    await asyncio.sleep(0)
        inflater.finish()
    except OverCap:
        raise TooLarge(f"The body of the request is larger than {limit} bytes.") from None
    except InflateError:
        raise InvalidRequest("The body of the request is not compressed as its Content-Encoding says.") from None
    return b"".join(out)


class InflatedExchange:
    """An exchange with a provider that compresses, as if it did not. The interface is that of the exchange."""

    def __init__(self, exchange: Exchange, most: int) -> None:
        """
        Args:
            exchange: whose headers name the coding; one that is not known breaks the exchange when it is read.
            most: bytes of the whole answer.
        """
        self._exchange = exchange
        self.status = exchange.status
        self.headers = dict(exchange.headers)
        coding = self.headers.pop(b"content-encoding", b"")
        self.idle = exchange.idle
        self.end = exchange.end
        try:
            self._inflater: Inflater | None = Inflater(coding.decode("latin-1"), most)
        except UnknownCoding:
            self._inflater = None
        self._pieces: Iterator[bytes] = iter(())
        """Of what has arrived, those that nobody has taken yet."""

    async def next(self) -> bytes | None:
        """Some bytes of the answer; None at its end.

        Raises:
            BrokenExchange: also when it is compressed otherwise than it says, or too large.
        """
        inflater = self._known()
        try:
            while True:
                for piece in self._pieces:
                    return piece
                data = await self._exchange.next()
                if data is None:
                    inflater.finish()
                    return None
                self._pieces = inflater.feed(data)
        except InflateError:
            raise BrokenExchange("malformed") from None

    async def each(self, take: Callable[[bytes], bool]) -> bool:
        """Hands over the bytes in the turn of the loop in which they came, until `take` says no.

        Returns:
            Whether it was `take` that ended this; false at the end of the answer.

        Raises:
            BrokenExchange: as `next`. And whatever `take` raises.
        """
        inflater = self._known()

        def look(data: bytes) -> bool:
            self._pieces = inflater.feed(data)
            return self._taken(take)

        try:
            if not self._taken(take) or await self._exchange.each(look):
                return True
            inflater.finish()
        except InflateError:
            raise BrokenExchange("malformed") from None
        return False

    def _taken(self, take: Callable[[bytes], bool]) -> bool:
        return all(map(take, self._pieces))

    def _known(self) -> Inflater:
        if self._inflater is None:
            raise BrokenExchange("malformed")
        return self._inflater
