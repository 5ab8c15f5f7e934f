"""Lines of a process's log: no text of any exception, no line that nobody wrote; and no core files."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys

import pytest

from projections.process import Lines
from schemas.errors import Unavailable

SECRET = "sk-live-4eC39HqLyjWDarjtT1zdp7dc"


def line(message: str, *args: object, name: str = "x", error: BaseException | None = None) -> str:
    about = None if error is None else (type(error), error, error.__traceback__)
    return Lines().format(logging.LogRecord(name, logging.ERROR, "f.py", 1, message, args, about))


def raised(error: BaseException, before: BaseException | None = None) -> BaseException:
    try:
        try:
            raise before or LookupError(SECRET)
        except Exception:
            raise error  # noqa: B904 - what went before stays with it, as it does where nobody thought of it
    except BaseException as caught:
        return caught


@pytest.mark.parametrize(
    "error",
    [
        raised(ValueError(f"Invalid header value 'Bearer {SECRET}'")),
        raised(ExceptionGroup(SECRET, [KeyError(SECRET), ValueError(SECRET)])),
        raised(UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET)),
        raised(FileNotFoundError(2, SECRET, SECRET)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_of_an_exception_its_kind_and_its_way_are_told_and_never_its_text(error: BaseException) -> None:
    told = line("it failed id=%s", "r1", error=error)
    assert SECRET not in told
    assert (
        type(error).__qualname__ in told and "LookupError" in told and "test_process.py" in told and " raised" in told
    )


def test_what_is_wholly_ours_is_told() -> None:
    assert "the log does not answer" in line("x", error=raised(Unavailable("the log does not answer")))
    assert "errno=111" in line("x", error=raised(ConnectionRefusedError(111, "Connection refused")))


def test_a_long_chain_has_an_end() -> None:
    error: BaseException = ValueError("x")
    for _ in range(2_000):
        following = ValueError("x")
        following.__cause__, error = error, following
    assert len(line("x", error=error).splitlines()) < 30


def test_a_value_begins_no_line_of_its_own() -> None:
    told = line("refused path=%s", "/a\r\n2026-01-01 INFO root all is well\u2028\x1b[2J")
    assert len(told.splitlines()) == 1 and "\x1b" not in told and "\\x0d\\x0a2026" in told


def test_a_task_that_failed_unseen_is_told_by_its_name(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise ValueError(SECRET)

    async def main() -> None:
        task = asyncio.get_running_loop().create_task(fails(), name="sweep")
        await asyncio.wait([task])
        del task

    asyncio.run(main())
    (record,) = [each for each in caplog.records if each.name == "asyncio"]
    told = Lines().format(record)
    assert SECRET not in told and "task=sweep" in told and "ValueError" in told


def test_a_process_that_ends_by_a_defect_says_as_little_and_leaves_no_core() -> None:
    program = (
        "import resource, sys, threading\n"
        "from projections.process import begin\n"
        "begin('INFO')\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE)[0])\n"
        f"def fail(): raise ValueError('{SECRET}')\n"
        "thread = threading.Thread(target=fail); thread.start(); thread.join()\n"
        "class Dies:\n"
        "    def __del__(self): fail()\n"
        "Dies()\n"
        "fail()\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (1, "0\n")
    assert SECRET not in ended.stderr
    for event in ("event=process_ended", "event=thread_ended", "event=unraisable_exception"):
        assert event in ended.stderr


def test_who_started_a_process_by_hand_is_told_why_it_ends() -> None:
    program = "from projections.process import begin\nbegin('INFO', attended=True)\nraise OSError('port 3050 is taken')"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, "port 3050 is taken" in ended.stderr) == (1, True)
