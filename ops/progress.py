"""Progress of something long on a terminal, or as plain lines where there is none. Stdlib only; it counts nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

BAR = 28
"""Width of the bar in characters."""
REDRAW_S = 0.1
REPEAT_S = 5.0
"""Seconds between two lines where nothing can be redrawn."""


class Progress:
    """Lines and one bar on a stream that people watch; never on the stream that carries results."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream: TextIO | None = stream
        self._clock = clock
        self._began = clock()
        self._live = stream.isatty()
        self._drawn_at = -REPEAT_S
        self._drawn = 0
        self._finished = False
        self._before = 0

    def goes_on(self, done: int) -> None:
        """So much was done by an earlier run: it does not count for the rate."""
        self._before = done

    def seconds(self) -> float:
        """Since this was made."""
        return self._clock() - self._began

    def say(self, text: str) -> None:
        """A line that stays."""
        self._wipe()
        self._print(text)

    def bar(self, done: int, total: int, label: str, *, rate: str = "") -> None:
        """Show how far it is, as often as is useful. With a total of 0 only the count is shown.

        Args:
            rate: a unit such as `segments`; when given, how many of them a second is shown as well.
        """
        now = self._clock()
        finished = bool(total) and done >= total
        if now - self._drawn_at < (REDRAW_S if self._live else REPEAT_S) and not (finished and not self._finished):
            return
        self._drawn_at = now
        self._finished = finished
        text = self._text(done, total, label, rate)
        if self._live:
            self._print(f"\r{text.ljust(self._drawn)}", end="")
            self._drawn = len(text)
        else:
            self._print(text)

    def done(self) -> None:
        """Leave the bar where it stands and go on below it."""
        if self._drawn:
            self._print("")
            self._drawn = 0

    def _text(self, done: int, total: int, label: str, rate: str) -> str:
        seconds = max(self.seconds(), 1e-9)
        tail = f"  {(done - self._before) / seconds:,.0f} {rate}/s" if rate else ""
        if not total:
            return f"  {done:,}  {seconds:.1f} s{tail}  {label}"
        share = min(done / total, 1.0)
        filled = round(BAR * share)
        return f"  [{'#' * filled}{'.' * (BAR - filled)}] {done:,}/{total:,}  {seconds:.1f} s{tail}  {label}"

    def _wipe(self) -> None:
        if self._drawn:
            self._print(f"\r{' ' * self._drawn}\r", end="")
            self._drawn = 0

    def _print(self, text: str, end: str = "\n") -> None:
        """The work goes on when nobody watches any more."""
        if self._stream is None:
            return
        try:
            print(text, end=end, file=self._stream, flush=True)
        except BrokenPipeError:
            self._stream = None
