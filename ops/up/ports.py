"""Which ports Nexus's own processes listen on: asked for, as before, or the default. Opens nothing."""

from __future__ import annotations

from ops.cli.exits import CommandFailed
from ops.stack.ports import PortBook, is_free

MOCK_PORT = 3062


def choose(book: PortBook, name: str, asked: int | None, default: int) -> int:
    """The port of a process that callers know by its port.

    Args:
        asked: None for the one it had before on this data, else the default; 0 for any free one.

    Raises:
        CommandFailed: somebody else listens there.
    """
    if asked == 0:
        return book.port(name)
    port = asked or book.known(name) or default
    if not is_free(port):
        raise CommandFailed(
            f"port {port} of the {name} is in use by another program: stop that one, or choose another port with "
            f"--{name}-port N (0 takes any free one)"
        )
    book.keep(name, port)
    return port


def choose_mock(book: PortBook, name: str) -> int:
    """The port of the mock provider: as before, the default, or any free one."""
    for port in (book.known(name), MOCK_PORT):
        if port is not None and is_free(port):
            book.keep(name, port)
            return port
    return book.port(name)
