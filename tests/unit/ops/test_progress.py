"""Progress: redrawn on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import io

from ops.progress import REPEAT_S, Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_terminal_sees_one_line_that_changes() -> None:
    stream, hand = Terminal(), Hand()
    progress = Progress(stream, hand)
    for done in range(11):
        hand.now += 1
        progress.bar(done, 10, "files", rate="files")
    progress.done()
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.count("\r") == 11
    assert "[##############..............] 5/10  6.0 s  1 files/s  files" in text


def test_a_redraw_that_is_too_early_is_left_out_but_the_end_is_not() -> None:
    stream, hand = Terminal(), Hand()
    progress = Progress(stream, hand)
    for done in range(1, 1001):
        hand.now += 0.0001
        progress.bar(done, 1000, "")
    assert stream.getvalue().count("\r") == 2
    assert "1,000/1,000" in stream.getvalue()


def test_a_file_gets_a_line_now_and_then() -> None:
    stream, hand = io.StringIO(), Hand()
    progress = Progress(stream, hand)
    for done in range(1, 101):
        hand.now += REPEAT_S / 10
        progress.bar(done, 100, "files")
    progress.bar(100, 100, "files")
    progress.done()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 11
    assert "\r" not in stream.getvalue()
    assert "100/100" in lines[-1]


def test_a_line_that_stays_takes_the_place_of_the_bar() -> None:
    stream = Terminal()
    progress = Progress(stream, Hand())
    progress.bar(1, 10, "x")
    progress.say("done with x")
    assert stream.getvalue().splitlines()[-1].endswith("done with x")
    progress.done()
    assert stream.getvalue().endswith("done with x\n")


def test_an_unknown_total_shows_the_count() -> None:
    stream, hand = io.StringIO(), Hand()
    progress = Progress(stream, hand)
    hand.now += 2
    progress.bar(1234, 0, "rows", rate="rows")
    assert stream.getvalue() == "  1,234  2.0 s  617 rows/s  rows\n"


def test_the_work_goes_on_when_nobody_watches_any_more() -> None:
    class Left(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    hand = Hand()
    progress = Progress(Left(), hand)
    for done in range(1, 4):
        hand.now += 2 * REPEAT_S
        progress.bar(done, 3, "files")
        progress.say("still at it")
    progress.done()
    assert progress.seconds() == 6 * REPEAT_S


def test_what_an_earlier_run_did_does_not_count_for_the_rate() -> None:
    stream, hand = io.StringIO(), Hand()
    progress = Progress(stream, hand)
    progress.goes_on(900)
    hand.now += 2
    progress.bar(1000, 1000, "rows", rate="rows")
    assert "1,000/1,000" in stream.getvalue() and "  50 rows/s" in stream.getvalue()
