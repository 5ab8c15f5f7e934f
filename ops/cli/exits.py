"""Exit codes of every command, and the exception that carries one. No printing."""

from __future__ import annotations

OK = 0
FAILED = 1
"""Anything without a code of its own, transport too."""
USAGE = 2
UNAUTHENTICATED = 3
NOT_ALLOWED = 4
NOT_FOUND = 5
INTERRUPTED = 130

OF_STATUS = {400: FAILED, 401: UNAUTHENTICATED, 403: NOT_ALLOWED, 404: NOT_FOUND}
"""By HTTP status; what is not here is `FAILED`."""


class CommandFailed(Exception):
    """A command ends here. The message says what to do next and holds no secret."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class Misused(CommandFailed):
    """The command line, or a file that it names, is not what it has to be."""

    def __init__(self, message: str) -> None:
        super().__init__(message, USAGE)
