"""Measures screening: CPU and MB/s over clean, dirty and hostile texts. Run: `python -m benchmarks.scan`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

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
BATCHES = 8


class Figure(msgspec.Struct):
    """One measurement."""

    name: str
    microseconds: float
    megabytes_per_second: float
    action: str


def measure(name: str, size: int, call: Callable[[], str]) -> Figure:
    """CPU time of one call, the best of several batches: other work on the machine is none of the scanner's."""
    started = time.thread_time()
    action = call()
    once = max(time.thread_time() - started, 1e-7)
    calls = max(1, int(BATCH / once))
    best = once
    for _ in range(BATCHES if once < BATCH else 1):
        started = time.thread_time()
        for _ in range(calls):
            call()
        best = min(best, (time.thread_time() - started) / calls)
    return Figure(name, round(best * 1e6, 1), round(size / best / 1e6, 1), action)


def texts() -> dict[str, str]:
    """Clean and dirty texts of every size."""
    made = {}
    for kilobytes in SIZES:
        size = int(kilobytes * 1000)
        clean = (PROSE * (size // len(PROSE) + 1))[:size]
        made[f"clean {kilobytes} KB"] = clean
        made[f"dirty {kilobytes} KB"] = clean[: size // 2] + DIRT + clean[size // 2 + len(DIRT) :]
    return made


def stream_figure(screener: Screener) -> Figure:
    """One push of a piece as a model sends it, five characters at a time."""
    pieces = [PROSE[at : at + 5] for at in range(0, len(PROSE), 5)] * 20

    def call() -> str:
        stream = StreamScreener(screener, "response")
        for piece in pieces:
            stream.push(piece)
        return stream.finish().action

    whole = measure("stream", sum(map(len, pieces)), call)
    return Figure(
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


def tell_packs(rules: Sequence[Rule], output: str) -> int:
    """Print what each pack costs."""
    costs = sorted(
        (cost(name, some) for name, some in by_pack(rules).items()), key=lambda found: found.megabytes_per_second
    )
    if output == "json":
        print(json.dumps({"packs": msgspec.to_builtins(costs)}))
        return 0
    print(f"{'pack, by itself':26} {'rules':>6} {'compile ms':>11} {'KB':>8} {'MB/s':>8}")
    for one in costs:
        print(
            f"{one.name:26} {one.rules:6} {one.compile_ms:11,.1f} {one.bytes / 1000:8,.0f} "
            f"{one.megabytes_per_second:8,.0f}"
        )
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Print the figures, as a table or as JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.scan", description="Measure screening.")
    parser.add_argument("--output", choices=("table", "json"), default="table")
    parser.add_argument("--by-pack", action="store_true", help="what each pack costs by itself, the slowest first")
    options = parser.parse_args(arguments)

    rules = load_builtin_rules()
    if options.by_pack:
        return tell_packs(rules, options.output)
    started = time.process_time()
    pack = compile_rules(rules)
    compiled = time.process_time()
    blob = pack.to_bytes()
    Marker()  # its databases are made once in a process
    screener, loading = loaded(blob)

    def screening(text: str) -> Callable[[], str]:
        return lambda: screener.screen([text], "request").action

    figures = [measure(name, len(text.encode()), screening(text)) for name, text in texts().items()]
    figures += [
        measure(f"first scan alone, {kilobytes} KB", size, partial(detected, screener, text))
        for kilobytes, size, text in first_scans()
    ]
    figures.append(stream_figure(screener))
    figures += [measure(f"hostile 1 MB: {name}", len(text), screening(text)) for name, text in HOSTILE.items()]
    summary = {
        "rules": len(rules),
        "compile_ms": round((compiled - started) * 1e3, 1),
        "load_ms": round(loading * 1e3, 1),
        "blob_bytes": len(blob),
    }
    if options.output == "json":
        print(json.dumps({**summary, "figures": msgspec.to_builtins(figures)}))
        return 0
    print("  ".join(f"{name} {value}" for name, value in summary.items()))
    print(f"{'text':42} {'µs a call':>12} {'MB/s':>8}  action")
    for figure in figures:
        print(f"{figure.name:42} {figure.microseconds:12,.1f} {figure.megabytes_per_second:8,.1f}  {figure.action}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
