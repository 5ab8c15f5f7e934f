"""The sink of kind `http`: batches of NDJSON, posted until they are taken."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence

from pyqwest import Headers, HTTPTransport, Request

from processors.siem.lines import Line
from processors.siem.sink import Opened, Parked, Stored

log = logging.getLogger(__name__)

TIMEOUT_S = 15.0
FIRST_RETRY_S, LAST_RETRY_S = 0.25, 30.0
REFUSED_RETRY_S = 60.0
"""A target that refuses what it is sent (4xx) needs a person: it is asked slowly, and nothing is dropped."""
_ANSWER_BYTES = 65_536
_COME_BACK = frozenset({408, 425, 429})


class HttpSink:
    """One URL. Batches that are sent again have the same key, so that a receiver can recognise them."""

    most_lines = 500
    most_bytes = 1024 * 1024
    linger_s = 0.25
    repeats = True
    durable = False

    def __init__(self, name: str, url: str, token: str) -> None:
        """
        Args:
            name: `tenant/target`.
            token: for the bearer scheme; empty for none.

        Raises:
            Parked: the token cannot be sent.
        """
        self.refused = 0
        """Batches in a row that the receiver answered with a status which a retry will hardly change."""
        self.failures = 0
        """Attempts in a row that did not get through."""
        if not (token.isascii() and token.isprintable()):
            # the client's complaint about such a header quotes it
            raise Parked("its token has characters that cannot stand in a header; set another")
        self._name = name
        self._url = url
        self._headers = [("content-type", "application/x-ndjson")]
        if token:
            self._headers.append(("authorization", f"Bearer {token}"))
        # the client tells whole URLs when it is asked for details, and a token may stand in one
        logging.getLogger("pyqwest").setLevel(logging.WARNING)
        logging.getLogger("pyqwest.access").setLevel(logging.WARNING)
        self._client = HTTPTransport(
            tls_include_system_certs=True,
            connect_timeout=5.0,
            pool_idle_timeout=30.0,
            pool_max_idle_per_host=1,
            follow_redirects=False,  # a redirect could carry the token elsewhere
            enable_otel=False,
        )

    async def open(self, stored: Stored | None) -> Opened:
        return Opened()

    async def send(self, lines: Sequence[Line]) -> int:
        key = idempotency_key(self._name, lines)
        body = b"".join([line.data for line in lines])
        while True:
            said = await self._post(key, body)
            if isinstance(said, int) and 200 <= said < 300:
                if self.failures:
                    log.info("event=siem_target_back target=%s failures=%d", self._name, self.failures)
                self.failures = self.refused = 0
                return 0
            self.failures += 1
            hopeless = isinstance(said, int) and said < 500 and said not in _COME_BACK
            self.refused = self.refused + 1 if hopeless else 0
            wait = REFUSED_RETRY_S if hopeless else min(LAST_RETRY_S, FIRST_RETRY_S * 2 ** min(self.failures - 1, 10))
            if hopeless or self.failures in (1, 4) or self.failures % 20 == 0:
                log.log(
                    logging.ERROR if hopeless else logging.WARNING,
                    "event=siem_target_%s target=%s key=%s answer=%s failures=%d retry_s=%.1f",
                    "refuses" if hopeless else "away", self._name, key, said, self.failures, wait,
                )  # fmt: skip
            await asyncio.sleep(wait * (0.5 + random.random() / 2))

    async def close(self) -> None:
        await self._client.aclose()

    async def _post(self, key: str, body: bytes) -> int | str:
        """Status, or the kind of failure; never the error's text, which may hold the URL."""
        headers = Headers([*self._headers, ("user-agent", "nexus/0.1"), ("idempotency-key", key)])
        try:
            async with asyncio.timeout(TIMEOUT_S):
                async with await self._client.execute(Request("POST", self._url, headers, content=body)) as response:
                    size = 0
                    async for piece in response.content:
                        # the end of a short answer lets the connection be used again; a long one is not worth it
                        size += len(piece)
                        if size > _ANSWER_BYTES:
                            break
                    return response.status
        except Exception as error:
            # of whatever kind: left to others, its text would reach the log
            return type(error).__name__


def idempotency_key(name: str, lines: Sequence[Line]) -> str:
    """Target, first and last place: `tenant/target/12.0-14.3`."""
    first, last = lines[0].place, lines[-1].place
    return f"{name}/{first[0]}.{first[1]}-{last[0]}.{last[1]}"
