"""The client's protocol parser with a short way for readers: many messages a call, headers left as bytes.

The client's own way costs 12 µs of CPU a message with two headers, this one 3. It takes whole messages of the
subscriptions that asked for it and leaves everything else, in order, to the client.
"""

from __future__ import annotations

from collections.abc import Callable

from nats.aio.client import Client
from nats.protocol.parser import AWAITING_CONTROL_LINE, Parser

Take = Callable[[bytes, bytes, bytes, bytes], None]
"""Given subject, reply subject, headers (empty for none) and payload. Must not raise."""

_LINE_END = b"\r\n"


class BulkParser(Parser):
    """Takes the place of the parser of one client; `takers` are by the id of their subscription."""

    def __init__(self, nc: Client) -> None:
        self.takers: dict[bytes, Take] = {}
        self._wanted = 0
        """So many bytes have to be there before it is worth looking again."""
        super().__init__(nc)

    def reset(self) -> None:
        """A new connection begins: what had come of a message will come again, or never."""
        super().reset()
        self._wanted = 0

    async def parse(self, data: bytes = b"") -> None:
        """
        Raises:
            ProtocolError: these are not the words of a NATS server.
        """
        if self.takers and self.state == AWAITING_CONTROL_LINE:
            self.buf += data
            if len(self.buf) < self._wanted:
                return
            self._wanted = self._take(bytes(self.buf))
            if self._wanted:
                return
            data = b""
        self._wanted = 0
        await super().parse(data)

    def _take(self, data: bytes) -> int:
        """Hands out messages from the beginning of the buffer and removes them.

        Returns:
            The bytes that the buffer has to hold before the next one is whole; 0 when what follows is for the client.
        """
        takers, position, size = self.takers, 0, len(data)
        while True:
            end = data.find(_LINE_END, position)
            words = data[position:end].split() if end > 0 else []
            # HMSG subject sid [reply] header-bytes total-bytes | MSG subject sid [reply] total-bytes
            if len(words) in (5, 6) and words[0] == b"HMSG" and words[-2].isdigit():
                headed, replied = int(words[-2]), len(words) == 6
            elif len(words) in (4, 5) and words[0] == b"MSG":
                headed, replied = 0, len(words) == 5
            else:
                break
            take = takers.get(words[2])
            if take is None or not words[-1].isdigit():
                break
            begin = end + 2
            until = begin + int(words[-1])
            if until + 2 > size:
                del self.buf[:position]
                return until + 2 - position
            take(words[1], words[3] if replied else b"", data[begin : begin + headed], data[begin + headed : until])
            position = until + 2
        del self.buf[:position]
        return 0


def parser_of(client: Client) -> BulkParser:
    """The parser of a client that was made by `fast_client`."""
    parser = client._ps
    assert isinstance(parser, BulkParser), "the client was made elsewhere"
    return parser


def speed_up(client: Client) -> BulkParser:
    """Gives a client that somebody else made and that is between two messages the short way too."""
    plain = client._ps
    if isinstance(plain, BulkParser):
        return plain
    assert plain.state == AWAITING_CONTROL_LINE, "the client has half a message"
    parser = client._ps = BulkParser(client)
    parser.buf = plain.buf
    return parser


def fast_client() -> Client:
    """A client that is not connected yet, whose subscriptions may be read the short way."""
    client = Client()
    client._ps = BulkParser(client)
    return client
