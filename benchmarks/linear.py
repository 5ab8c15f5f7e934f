"""Shows that time grows with the length of a text and no faster. Run: `python -m benchmarks linear`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator

import msgspec

from projections.screening import Screener, StreamScreener, compile_rules, load_builtin_rules
from schemas.screening.model import Rule
from schemas.screening.rules import example

SIZE = 500_000
"""Characters; the second measurement has twice as many."""
STREAMED = 20_000
"""Characters in pieces of `PIECE`; likewise."""
PIECE = 5
MOST = 3.0
"""How many times longer twice the text may take before it counts as more than linear: twice, and room for noise."""
TRIES = 3
UNITS = {
    "one token of letters": "a",
    "one token of digits": "4",
    "one token of both": "a4B_",
    "digits in groups": "4111 1111 1111 1112 ",
    "signs of an address": "a@",
    "dots and letters": "a.",
    "key of many keys": "password=password=",
    "opened quotes": '"token": "',
    "slashes": "//",
    "one base64 block": "QUJDRGVmZ2hpSktMbW5vcA",
    "base64 of base64": "UVVKRFJHVm1aMmhwU2t0TWJXNXZjQQ",
    "base64 in lines": "QUJDRGVmZ2hpSktMbW5vcA" * 3 + "QUJDRGVmZ2\n",
    "short base64 segments": "aWdub3JlIGFsbCBwcmV2aW91cw== ",
    "long names": "the_name_of_a_variable_that_is_long ",
    "hexadecimal": "4142434420",
    "percent signs": "%",
    "percent-encoded": "%41",
    "percent-encoded twice": "%2541",
    "half of UTF-8": "%E2%82",
    "ampersands": "&",
    "entities": "&#x41;",
    "entities without an end": "&amp&#65",
    "backslashes": "\\",
    "escapes": "\\u0041",
    "half of a pair": "\\ud835\\u",
    "zero-width": "a\u200b",
    "zero-width only": "\u200b",
    "Cyrillic": "привет всем ",
    "full width": "\uff21",
    "combining marks": "a" + "\u0301" * 50,
    "what grows most": "\u2488",
}


class Growth(msgspec.Struct):
    """Seconds of CPU for a text and for one twice as long."""

    name: str
    once: float
    twice: float

    @property
    def ratio(self) -> float:
        return self.twice / max(self.once, 1e-6)


def texts(rules: tuple[Rule, ...]) -> Iterator[tuple[str, str]]:
    """What is repeated: the units above, and for each category of rules the look-alikes that all but hit."""
    yield from UNITS.items()
    for category in sorted({rule.category for rule in rules}):
        mine = [example(text)[0] for rule in rules if rule.category == category for text in rule.misses]
        yield f"near misses: {category}", " ".join(mine) + " "


def measured(name: str, unit: str, size: int, call: Callable[[str], object]) -> Growth:
    """The least of a few tries for both lengths."""
    one, two = ((unit * (length // len(unit) + 1))[:length] for length in (size, 2 * size))
    return Growth(name, *(min(_seconds(call, text) for _ in range(TRIES)) for text in (one, two)))


def _seconds(call: Callable[[str], object], text: str) -> float:
    started = time.thread_time()
    call(text)
    return time.thread_time() - started


def main(arguments: list[str] | None = None) -> int:
    """Print the ratios; 1 if anything grows faster than its text."""
    parser = argparse.ArgumentParser(prog="benchmarks linear", description="Does time grow with length only?")
    parser.add_argument("--output", choices=("table", "json"), default="table")
    parser.add_argument("--size", type=int, default=SIZE, help="characters of the shorter text")
    options = parser.parse_args(arguments)
    rules = load_builtin_rules()
    screener = Screener(compile_rules(rules))

    def whole(text: str) -> object:
        return screener.screen([text], "request")

    def streamed(text: str) -> object:
        stream = StreamScreener(screener, "request")
        for at in range(0, len(text), PIECE):
            stream.push(text[at : at + PIECE])
        return stream.finish()

    found = [measured(name, unit, options.size, whole) for name, unit in texts(rules)]
    found += [measured(f"stream: {name}", unit, STREAMED, streamed) for name, unit in UNITS.items()]
    worst = [one for one in found if one.ratio > MOST]
    if options.output == "json":
        print(json.dumps([{**msgspec.to_builtins(one), "ratio": round(one.ratio, 2)} for one in found]))
    else:
        print(f"{'text':42} {'ms':>9} {'ms twice':>9} {'ratio':>6}")
        for one in found:
            mark = "  more than linear" if one.ratio > MOST else ""
            print(f"{one.name:42} {one.once * 1e3:9.1f} {one.twice * 1e3:9.1f} {one.ratio:6.2f}{mark}")
    return 1 if worst else 0


if __name__ == "__main__":
    sys.exit(main())
