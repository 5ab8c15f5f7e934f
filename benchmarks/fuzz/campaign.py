"""`python -m benchmarks fuzz --minutes M --codec NAME|all --seed S`: hostile bytes against codecs, for so long.

No input may make a codec raise anything but its named errors, take more than its time, or keep or make more than the
input accounts for. What does is kept in `tests/golden/fuzz`, where a test replays it from then on.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import random
import resource
import signal
import sys
import time
from pathlib import Path
from types import FrameType

import msgspec

from benchmarks.fuzz.mutations import Mutator
from benchmarks.fuzz.seeds import fallback, seeds
from benchmarks.fuzz.targets import NAMED, Run, targets

KEPT = Path(__file__).resolve().parents[2] / "tests" / "golden" / "fuzz"
CPU_S = 0.5
CPU_S_PER_BYTE = 2e-6
"""What an input may take: five callers' codecs and ten providers' are asked about each."""
ROUND = 50
MOST_KB = 96 * 1024
"""What the process may gain from its first turn to its end: the allocator keeps some of what far larger inputs took."""
MOST_FAILURES = 20
"""Of one codec; a defect has many inputs."""


class Hang(Exception):
    """An input took more time than it may."""


class Row(msgspec.Struct):
    """What was seen of one codec."""

    codec: str
    inputs: int = 0
    named: int = 0
    """Inputs that raised a named error."""
    slowest_ms: float = 0.0
    slowest_bytes: int = 0
    grown_kb: int = 0
    """Of the process's resident memory, over this codec's rounds after its first."""
    failures: int = 0


class Failure(msgspec.Struct, frozen=True):
    """An input that broke a promise."""

    codec: str
    surface: str
    raw: bytes
    cuts: tuple[int, ...]
    error: str

    @property
    def kind(self) -> tuple[str, str, str]:
        return self.codec, self.surface, self.error.partition(":")[0]


def _too_long(number: int, frame: FrameType | None) -> None:
    raise Hang("it took too long")


def attempt(run: Run, raw: bytes, cuts: tuple[int, ...]) -> str:
    """Runs one input within its time.

    Returns:
        `ok`, `named` for a named error, or what went wrong.
    """
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_S + CPU_S_PER_BYTE * len(raw))
    try:
        return "named" if run(raw, cuts) else "ok"
    except NAMED:
        return "named"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def smaller(run: Run, failure: Failure) -> Failure:
    """The same failure from fewer bytes, where that is easily found."""
    raw, cuts, kind = failure.raw, failure.cuts, failure.error.partition(":")[0]

    def fails(part: bytes, at: tuple[int, ...]) -> bool:
        return attempt(run, part, at).partition(":")[0] == kind

    if cuts and fails(raw, ()):
        cuts = ()
    size, tries = len(raw) // 2, 0
    while size and tries < 400:
        at = 0
        while at < len(raw) and tries < 400:
            tries += 1
            part = raw[:at] + raw[at + size :]
            if fails(part, cuts):
                raw = part
            else:
                at += size
        size //= 2
    return msgspec.structs.replace(failure, raw=raw, cuts=cuts)


def keep(failure: Failure, folder: Path = KEPT) -> Path:
    """Writes a failing input where the test finds it."""
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(failure.raw).hexdigest()[:12]
    path = folder / f"{failure.codec}-{failure.surface}-{digest}.json"
    told = {
        "codec": failure.codec, "surface": failure.surface, "error": failure.error,
        "raw": base64.b64encode(failure.raw).decode(), "cuts": list(failure.cuts),
    }  # fmt: skip
    path.write_text(json.dumps(told, indent=1) + "\n")
    return path


def _resident_kb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1]) if Path("/proc/self/statm").exists() else 0
    return pages * resource.getpagesize() // 1024


class Report(msgspec.Struct, frozen=True):
    """What a campaign saw."""

    rows: list[Row]
    failures: list[Failure]
    gained_kb: int
    """By the whole process, after the first turn."""

    @property
    def held(self) -> bool:
        return not self.failures and self.gained_kb <= MOST_KB


def campaign(codecs: list[str], seconds: float, seed: str, folder: Path = KEPT) -> Report:
    """Fuzzes these codecs in turns, so that each has had its part whenever it ends."""
    known = targets()
    found, words = seeds()
    rows = {name: Row(name) for name in codecs}
    before: dict[str, int] = {}
    failures: list[Failure] = []
    mutators = {name: Mutator(random.Random(f"{seed}/{name}"), words) for name in codecs}
    ends = time.monotonic() + seconds
    first = 0
    previous = signal.signal(signal.SIGVTALRM, _too_long)
    try:
        while time.monotonic() < ends:
            for name in codecs:
                if rows[name].failures < MOST_FAILURES:
                    started = _resident_kb()
                    _round(name, known, found, mutators[name], rows[name], failures)
                    if name in before:
                        rows[name].grown_kb += _resident_kb() - started
                    before[name] = started
                if time.monotonic() >= ends:
                    break
            first = first or _resident_kb()
        gained = _resident_kb() - first
        kinds: set[tuple[str, str, str]] = set()
        for failure in failures:
            if failure.kind not in kinds:
                kinds.add(failure.kind)
                keep(smaller(known[failure.codec, failure.surface], failure), folder)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, previous)
    return Report(list(rows.values()), failures, gained)


def _round(
    name: str,
    known: dict[tuple[str, str], Run],
    found: dict[tuple[str, str], list[bytes]],
    mutator: Mutator,
    row: Row,
    failures: list[Failure],
) -> None:
    for (codec, surface), run in known.items():
        if codec != name:
            continue
        inputs = fallback(found, codec, surface)
        for _ in range(ROUND):
            raw = mutator.of(inputs)
            cuts = mutator.cuts(len(raw)) if surface == "stream" else ()
            began = time.process_time()
            outcome = attempt(run, raw, cuts)
            took = 1_000 * (time.process_time() - began)
            row.inputs += 1
            row.named += outcome == "named"
            if took > row.slowest_ms:
                row.slowest_ms, row.slowest_bytes = took, len(raw)
            if outcome not in ("ok", "named"):
                row.failures += 1
                failures.append(Failure(codec, surface, raw, cuts, outcome))


def table(rows: list[Row]) -> str:
    lines = [
        "| codec | inputs | named errors | slowest input | memory gained | failures |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        slowest = f"{row.slowest_ms:.1f} ms ({row.slowest_bytes:,} B)"
        lines.append(
            f"| {row.codec} | {row.inputs:,} | {row.named:,} | {slowest} | {row.grown_kb:,} KB | {row.failures} |"
        )
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    names = list(dict.fromkeys(codec for codec, _ in targets()))
    parser = argparse.ArgumentParser(prog="python -m benchmarks fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--codec", choices=["all", *names], default="all")
    parser.add_argument("--seed", default="")
    given = parser.parse_args(arguments)
    seed = given.seed or f"{time.time_ns():x}"
    print(f"seed={seed}", file=sys.stderr)
    report = campaign(names if given.codec == "all" else [given.codec], 60 * given.minutes, seed)
    print(table(report.rows))
    print(f"\n{sum(row.inputs for row in report.rows):,} inputs; memory gained after the first turn: "
          f"{report.gained_kb / 1024:.0f} MB of {MOST_KB // 1024}")  # fmt: skip
    told: set[tuple[str, str, str]] = set()
    for failure in report.failures:
        if failure.kind not in told:
            told.add(failure.kind)
            print(f"{failure.codec} {failure.surface}: {failure.error}", file=sys.stderr)
    return 0 if report.held else 1
