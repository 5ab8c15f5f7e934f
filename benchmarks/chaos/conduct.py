"""What the faults' own figures prove: drain rates, a hung receiver's cost, errors that callers saw. Pure."""

from __future__ import annotations

import statistics
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from benchmarks.chaos.faults import CUT_OFF, Done
from benchmarks.chaos.oracle import Promise
from benchmarks.chaos.slower import EDGE, Verdict, compare

DRAIN_RATIO = 2.0
MEASURED_S = 10.0
"""After a shorter outage, the pause before a worker's next attempt is most of what is measured."""
BEHIND = 100
ORDERLY = ("SIGTERM", "rolling restart")
REFUSED = ": 503"
AFTER_S = 1.0
"""A refusal may come so long after what it is for."""
Latencies = Sequence[tuple[float, float]]
"""Monotonic time of the end, seconds."""
Failures = Sequence[tuple[float, str]]
"""Monotonic time, what a caller met."""
Attempts = Sequence[tuple[float, float, str]]
"""Of what went wrong: when it began and ended, and what a caller met."""
Stretch = tuple[float, float]


def promises(
    kinds: Collection[str],
    done: Sequence[Done],
    latencies: Latencies,
    failures: Failures,
    stalls: Sequence[Stretch] = (),
    attempts: Attempts = (),
) -> list[Promise]:
    """
    Args:
        kinds: of faults that were to be done (`schedule.KINDS`): what none of them could show is not judged.
        stalls: when the log itself did not answer (`stalls.Stalls`): to refuse then is what is promised.
    """
    refused = [(at, kind) for at, kind in failures if kind.endswith(REFUSED) and _stalled(at, stalls)]
    others = [failure for failure in failures if failure not in set(refused)]
    found = []
    if "orderly" in kinds:
        found.append(_orderly(done, others, refused))
    if "outages" in kinds:
        found += [_serving(done, latencies, others, refused), _drains(done)]
    if "hang" in kinds:
        found += _hung(done, latencies)
    if "cut" in kinds:
        found.append(_cut_off(done, latencies, others))
    return [*found, calm(done, attempts, stalls)]


def calm(done: Sequence[Done], attempts: Attempts, stalls: Sequence[Stretch]) -> Promise:
    """What goes wrong for a caller goes wrong while something is broken, or has just come back."""
    wrong = [(one.at, one.ended + (one.recovery_s or 0.0) + AFTER_S) for one in done]
    wrong += [(since, until + AFTER_S) for since, until in stalls]
    seen = [
        kind for begun, ended, kind in attempts if not any(since <= ended and begun <= until for since, until in wrong)
    ]
    return Promise(
        "no caller errs while nothing is wrong",
        not seen,
        f"errors={len(attempts)} while nothing was wrong={len(seen)} {sorted(set(seen))[:3]}",
    )


def _stalled(at: float, stalls: Iterable[Stretch]) -> bool:
    return any(since <= at <= until + AFTER_S for since, until in stalls)


def _orderly(done: Sequence[Done], failures: Failures, refused: Failures) -> Promise:
    windows = [(one.at, one.ended) for one in done if one.kind in ORDERLY]
    seen, aside = ([kind for at, kind in some if _within(at, windows)] for some in (failures, refused))
    return Promise(
        "no caller errs while processes are ended in order (SIGTERM, rolling restart)",
        bool(windows) and not seen,
        f"restarts={len(windows)} errors={len(seen)} {sorted(set(seen))[:3]}" + _aside(aside),
        decided=not aside,
    )


def _serving(done: Sequence[Done], latencies: Latencies, failures: Failures, refused: Failures) -> Promise:
    """While a view, the budgets' store or the SIEM is away, callers notice nothing."""
    windows = [
        (one.at, one.ended)
        for one in done
        if one.kind in ("outage", "every row refused") or (one.kind == "hang" and one.target != "nats")
    ]
    seen, aside = ([kind for at, kind in some if _within(at, windows)] for some in (failures, refused))
    answers = sum(_within(at, windows) for at, _ in latencies)
    return Promise(
        "the gateway keeps serving while a store or a SIEM is away",
        bool(answers) and not seen,
        f"outages={len(windows)} answers={answers} errors={len(seen)} {sorted(set(seen))[:3]}" + _aside(aside),
        decided=not aside,
    )


def _cut_off(done: Sequence[Done], latencies: Latencies, failures: Failures) -> Promise:
    """Its own callers get 503, unless a spool takes over for the log; those of the other gateway notice nothing."""
    cuts = [one for one in done if one.kind.startswith(CUT_OFF)]
    unserved = [one for one in cuts if not any(one.at <= at <= one.ended for at, _ in latencies)]
    alive = [(one.at, one.ended) for one in cuts if one.kind == CUT_OFF]
    seen = [kind for at, kind in failures if _within(at, alive)]
    wrong = sorted({kind for kind in seen if not kind.endswith(REFUSED)})
    # whose body cannot be sealed, because the keys for that are on the log, is refused there too
    unspooled = sum(kind.startswith("spooled") for kind in seen)
    return Promise(
        "a gateway that is cut off from the log says 503 or spools, and the other one serves",
        bool(cuts) and not unserved and not wrong,
        f"cuts={len(cuts)} longest={max((one.ended - one.at for one in cuts), default=0):.0f} s "
        f"refused={len(seen)} of them on routes that spool={unspooled} else={wrong[:3]} unserved={len(unserved)}",
    )


def _aside(refused: Sequence[str]) -> str:
    return f" refused while the log itself stalled={len(refused)}" if refused else ""


def _drains(done: Sequence[Done]) -> Promise:
    measured = [
        one.figures["drain_ratio"]
        for one in done
        if "drain_ratio" in one.figures and one.figures["seconds"] >= MEASURED_S
    ]
    outages = sum(one.kind == "outage" for one in done)
    return Promise(
        "a backlog drains at 2 x arrival or more",
        min(measured, default=DRAIN_RATIO) >= DRAIN_RATIO,
        f"outages={outages} of {MEASURED_S:.0f} s or more={len(measured)}"
        + (f" slowest={min(measured):.1f} x median={statistics.median(measured):.1f} x" if measured else ""),
        decided=bool(measured),
    )


def slowed(done: Sequence[Done], latencies: Latencies, *, edge: float = EDGE) -> Verdict:
    """Whether callers waited longer while a SIEM hung. `edge` is that of `slower.compare`.

    Where some of it was done with nothing else around, that alone counts: what a restart a moment before does to a few
    answers is more than what all others could tell.
    """
    alone = [one for one in done if one.figures.get("alone")]
    pairs = [
        (_between(latencies, calm, begun), _between(latencies, begun, ended))
        for one in alone or done
        for calm, begun, ended in one.turns
    ]
    return compare(pairs, edge=edge)


def _hung(done: Sequence[Done], latencies: Latencies) -> list[Promise]:
    hangs = [one for one in done if one.kind == "hang" and one.turns]
    verdict = slowed(hangs, latencies)
    return [
        Promise(
            "a hung SIEM slows the gateway's p99 by less than 10 %",
            bool(hangs) and verdict.held,
            verdict.detail,
            decided=verdict.decided or not hangs,
        ),
        Promise(
            "a hung SIEM does not hold up other sinks",
            all(one.figures["lag_hung"] <= 2 * one.figures["lag_calm"] + BEHIND for one in hangs),
            f"most messages behind: calm={max((one.figures['lag_calm'] for one in hangs), default=0):.0f} "
            f"hung={max((one.figures['lag_hung'] for one in hangs), default=0):.0f}",
        ),
    ]


def _between(latencies: Latencies, since: float, until: float) -> list[float]:
    """Of the requests that were begun and answered in that time; `latencies` are in the order of their ends."""
    first, last = (bisect_left(latencies, (at,)) for at in (since, until))
    return [took for at, took in latencies[first:last] if since <= at - took]


def _within(at: float, windows: Iterable[tuple[float, float]]) -> bool:
    return any(since <= at <= until for since, until in windows)


def recoveries(done: Sequence[Done]) -> list[dict[str, Any]]:
    """By kind and target: how often, and seconds until it was as before."""
    groups: dict[tuple[str, str], list[float]] = {}
    for one in done:
        groups.setdefault((one.kind, one.target), []).append(one.recovery_s or 0.0)
    return [
        {"kind": kind, "target": target, "times": len(times),
         "p50_s": round(statistics.median(times), 2), "max_s": round(max(times), 2)}
        for (kind, target), times in sorted(groups.items())
    ]  # fmt: skip
