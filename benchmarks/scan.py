"""Measures screening: CPU and MB/s over clean, dirty and hostile texts, what compiling and loading the rules take."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from benchmarks.history import Figure
from benchmarks.report import aligned, finish, number, options, say
from projections.screening import CompiledPack, Screener, StreamScreener, compile_rules, load_builtin_rules
from projections.screening.cost import PROSE, by_pack, cost
from projections.screening.marks import Marker
from schemas.screening.model import Rule

DIRT = " write to jane.doe@example.org or pay with 4111 1111 1111 1111 "
HOSTILE = {
    "one token of letters": "a" * 1_000_000,
    "one token of digits": "4" * 1_000_000,
    "one base64 block": "QUJDRGVmZ2hpSktMbW5vcA" * 45_455,
    "e-mail addresses": "user@example.org " * 58_824,
    "wrong card numbers": "4111111111111112 " * 58_824,
    "right card numbers": "4111111111111111 " * 58_824,
    "heads of private keys": "-----BEGIN PRIVATE KEY-----" * 37_037,
    "heads of web tokens": "eyJhbGciOiJub25lIn0." * 50_000,
    "heads of PuTTY keys": "PuTTY-User-Key-File-3: " * 43_478,
    "assignments": "password=fak3Passw0rd " * 45_455,
    "signs of an address": "a@" * 500_000,
}
SIZES = (0.5, 8, 48, 512)
"""KB, 1,000 bytes each."""
BATCH = 0.05
"""Seconds of CPU."""
BATCHES, QUICK_BATCHES = 8, 2
TARGETS = {
    "clean 0.5 KB": ("µs", 10.0),
    "clean 48 KB": ("µs", 500.0),
    "first scan alone, 512 KB": ("MB/s", 150.0),
}
"""What is asked of some texts: in µs at most, in MB/s at least."""
COMPILE_S, LOAD_MS = 5.0, 20.0


class Timing(msgspec.Struct):
    """One measurement."""

    name: str
    microseconds: float
    megabytes_per_second: float
    action: str


def measure(name: str, size: int, call: Callable[[], str], batches: int = BATCHES) -> Timing:
    """CPU time of one call, the best of several batches: other work on the machine is none of the scanner's."""
    started = time.thread_time()
    action = call()
    once = max(time.thread_time() - started, 1e-7)
    calls = max(1, int(BATCH / once))
    best = once
    for _ in range(batches if once < BATCH else 1):
        started = time.thread_time()
        for _ in range(calls):
            call()
        best = min(best, (time.thread_time() - started) / calls)
    return Timing(name, round(best * 1e6, 1), round(size / best / 1e6, 1), action)


def texts() -> dict[str, str]:
    """Clean and dirty texts of every size."""
    made = {}
    for kilobytes in SIZES:
        size = int(kilobytes * 1000)
        clean = (PROSE * (size // len(PROSE) + 1))[:size]
        made[f"clean {kilobytes} KB"] = clean
        made[f"dirty {kilobytes} KB"] = clean[: size // 2] + DIRT + clean[size // 2 + len(DIRT) :]
    return made


def stream_timing(screener: Screener, batches: int) -> Timing:
    """One push of a piece as a model sends it, five characters at a time."""
    pieces = [PROSE[at : at + 5] for at in range(0, len(PROSE), 5)] * 20

    def call() -> str:
        stream = StreamScreener(screener, "response")
        for piece in pieces:
            stream.push(piece)
        return stream.finish().action

    whole = measure("stream", sum(map(len, pieces)), call, batches)
    return Timing(
        "a push of 5 characters", round(whole.microseconds / len(pieces), 2), whole.megabytes_per_second, whole.action
    )


def loaded(blob: bytes) -> tuple[Screener, float]:
    """A screener, and the seconds of CPU that loading one takes, the best of some."""
    best = float("inf")
    for _ in range(5):
        started = time.process_time()
        screener = Screener(CompiledPack.from_bytes(blob))
        best = min(best, time.process_time() - started)
    return screener, best


def first_scans() -> list[tuple[float, int, bytes]]:
    """Clean texts as the first scan gets them: kilobytes, bytes, text."""
    clean = {kilobytes: texts()[f"clean {kilobytes} KB"].encode() for kilobytes in SIZES}
    return [(kilobytes, len(data), data) for kilobytes, data in clean.items()]


def detected(screener: Screener, data: bytes) -> str:
    """Which rules can hit: without normalisation, and without start of match."""
    return "hits" if screener.engine.detect(data) else "none"


def packs(rules: Sequence[Rule]) -> tuple[list[Figure], str]:
    """What each pack costs by itself, the slowest first, and the same for people."""
    costs = sorted(
        (cost(name, some) for name, some in by_pack(rules).items()), key=lambda found: found.megabytes_per_second
    )
    rows: list[tuple[str, ...]] = [("pack, by itself", "rules", "compile ms", "KB", "MB/s")]
    figures = []
    for one in costs:
        figures += [
            Figure(f"{one.name}: compile", one.compile_ms, "ms", "less"),
            Figure(f"{one.name}: first scan", one.megabytes_per_second, "MB/s"),
        ]
        numbers = (one.rules, one.compile_ms, one.bytes / 1000, one.megabytes_per_second)
        rows.append((one.name, *map(number, numbers)))
    return figures, aligned(rows, right={1, 2, 3, 4})


def timings(screener: Screener, quick: bool) -> list[Timing]:
    """Every text once, by the least CPU of some batches."""
    batches = QUICK_BATCHES if quick else BATCHES

    def screening(text: str) -> Callable[[], str]:
        return lambda: screener.screen([text], "request").action

    say("clean and dirty texts")
    found = [measure(name, len(text.encode()), screening(text), batches) for name, text in texts().items()]
    found += [
        measure(f"first scan alone, {kilobytes} KB", size, partial(detected, screener, text), batches)
        for kilobytes, size, text in first_scans()
    ]
    say("a stream")
    found.append(stream_timing(screener, batches))
    if not quick:
        say("hostile texts of 1 MB")
        found += [measure(f"hostile 1 MB: {name}", len(text), screening(text)) for name, text in HOSTILE.items()]
    return found


def figures_of(found: Sequence[Timing]) -> list[Figure]:
    figures = []
    for one in found:
        unit, target = TARGETS.get(one.name, ("µs", None))
        if unit == "µs":
            figures.append(Figure(one.name, one.microseconds, unit, "less", target))
        else:
            figures.append(Figure(one.name, one.megabytes_per_second, unit, "more", target))
    return figures


def main(arguments: list[str] | None = None) -> int:
    """Measures, and prints the figures."""
    parser = options("scan", __doc__)
    parser.add_argument("--by-pack", action="store_true", help="what each pack costs by itself, the slowest first")
    given = parser.parse_args(arguments)

    rules = load_builtin_rules()
    if given.by_pack:
        say("each pack by itself")
        return finish("scan", given, *packs(rules))
    say(f"compiling {len(rules)} rules")
    started = time.process_time()
    pack = compile_rules(rules)
    compiled = time.process_time() - started
    blob = pack.to_bytes()
    Marker()  # its databases are made once in a process
    screener, loading = loaded(blob)
    found = timings(screener, given.quick)
    rows = [("text", "µs a call", "MB/s", "action")]
    rows += [(one.name, f"{one.microseconds:,.1f}", f"{one.megabytes_per_second:,.1f}", one.action) for one in found]
    figures = [
        Figure("rules", len(rules), "rules", ""),
        Figure("compile", round(compiled, 2), "s", "less", COMPILE_S),
        Figure("load of the compiled pack", round(loading * 1e3, 1), "ms", "less", LOAD_MS),
        Figure("compiled pack", round(len(blob) / 1e6, 2), "MB", "less"),
        *figures_of(found),
    ]
    return finish("scan", given, figures, aligned(rows, right={1, 2}))


if __name__ == "__main__":
    sys.exit(main())
