"""What each of our processes does before anything else: how lines of its log look, and that it leaves no core files.

The text of an exception may quote what it was raised over: a prompt, a header with a credential in it. A log says of
which kind an exception is and where it came from, which is what a defect is found by; never its text.
"""

from __future__ import annotations

import logging
import re
import resource
import sys
import threading
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from schemas.errors import Rejected, Unavailable

log = logging.getLogger(__name__)

_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_TASK = re.compile(r"<Task [^\n]*?\bname='([^'\n]{1,100})'")
_SPOKEN = (Rejected, Unavailable)
"""Whose texts are ours to the last word."""
_LONGEST_CHAIN = 10

_Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class Lines(logging.Formatter):
    """A line for each record, and behind it one for each step of an exception's way."""

    def __init__(self) -> None:
        super().__init__(_FORMAT)

    def format(self, record: logging.LogRecord) -> str:
        told = logging.makeLogRecord(record.__dict__)
        message = record.getMessage()
        if record.name == "asyncio":
            # behind its first line stands a task, with the text of the exception that ended it
            first, _, rest = message.partition("\n")
            task = _TASK.search(rest)
            message = f"{first} task={task[1]}" if task else first
        # a line end in a value would begin a line that nobody wrote
        told.msg, told.args = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", message), None
        # others may have written the text of the exception down for themselves
        told.exc_text = None
        return super().format(told)

    def formatException(self, ei: _Raised) -> str:
        return "\n".join(_way(ei[1], 0)) if ei[1] is not None else ""


def _way(error: BaseException, depth: int) -> Iterator[str]:
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and depth < _LONGEST_CHAIN:
        yield from _way(before, depth + 1)
        yield "  then"
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"  {frame.filename}:{frame.lineno} {frame.name}"
    yield f"  {type(error).__module__}.{type(error).__qualname__}{_detail(error)}"
    if isinstance(error, BaseExceptionGroup) and depth < _LONGEST_CHAIN:
        for each in error.exceptions:
            yield from _way(each, depth + 1)


def _detail(error: BaseException) -> str:
    if isinstance(error, _SPOKEN):
        return f": {_CONTROL.sub(' ', str(error))}"
    if isinstance(error, OSError) and error.errno is not None:
        return f" errno={error.errno}"
    return ""


def begin(level: str, *, attended: bool = False) -> None:
    """To be called once, at the start of a process.

    Args:
        level: from which on records are written, to standard error.
        attended: somebody started it by hand and reads why it ends: that exception is told as Python tells it.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    logging.basicConfig(level=level.upper(), handlers=[handler])
    if not attended:
        sys.excepthook = _ended
    sys.unraisablehook = _unraisable
    threading.excepthook = _thread_ended
    # a core file would hold every key and prompt that is in memory
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


def _ended(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        log.error("event=interrupted")
        return
    log.critical("event=process_ended", exc_info=(kind, error, where))


def _unraisable(told: Any) -> None:
    log.error("event=unraisable_exception", exc_info=(told.exc_type, told.exc_value, told.exc_traceback))


def _thread_ended(told: Any) -> None:
    if told.exc_value is not None:
        log.error("event=thread_ended", exc_info=(told.exc_type, told.exc_value, told.exc_traceback))
