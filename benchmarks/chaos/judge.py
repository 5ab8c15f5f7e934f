"""Holds what the witnesses say against one another, promise by promise. It reads no store but the log's chains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.chaos.injections import Injected
from benchmarks.chaos.oracle import Promise, Seen, Summary
from projections.log.checkpoints import read_checkpoints
from projections.log.connection import LogConnection
from projections.log.dead import DeadLetter
from projections.log.verify import faults_of, verify_chains

CLOSED_S = 60.0
READERS = ("audit", "analytics", "quota", "siem")
"""Who cannot apply a message that is no segment."""


@dataclass
class Evidence:
    """All of it, as read at one moment."""

    seen: Seen
    provider: set[str]
    answers: list[dict[str, Any]]
    """Of the callers' ledger."""
    given_up: list[str]
    postgres: list[tuple[str, Summary]]
    clickhouse: list[tuple[str, Summary]]
    siem_file: list[str]
    siem_http: tuple[set[str], int]
    dead: list[DeadLetter] = field(default_factory=list)
    injected: Injected = field(default_factory=Injected)
    deaths: Sequence[tuple[str, float]] = ()
    """Writer and wall-clock time of each gateway that died or froze."""


def records(evidence: Evidence) -> list[Promise]:
    """What can be told from the records alone."""
    seen = evidence.seen
    wanted = seen.summaries()
    unknown = evidence.provider - seen.accepted
    several = [request for request, found in seen.terminals.items() if len(found) != 1]
    unrecorded = [
        entry["id"] for entry in evidence.answers if entry["status"] < 500 and entry["id"] not in seen.terminals
    ]
    strict = sum(entry["shape"] == "strict" and entry["status"] == 200 for entry in evidence.answers)
    sent, (received, doubles) = Counter(evidence.siem_file), evidence.siem_http
    return [
        Promise(
            "what the provider saw is on the log (strict and overlapped)",
            not unknown,
            f"saw={len(evidence.provider)} unknown={len(unknown)} strict answers={strict}",
        ),
        Promise(
            "what callers were told is on the log",
            not unrecorded,
            f"answers={len(evidence.answers)} unrecorded={len(unrecorded)}",
        ),
        Promise(
            "one terminal fact for each request",
            not several and not seen.open,
            f"terminals={len(seen.terminals)} several={len(several)} open={len(seen.open)}",
        ),
        _closed(evidence),
        _same("PostgreSQL = log", evidence.postgres, wanted),
        _same("ClickHouse = log", evidence.clickhouse, wanted),
        Promise(
            "SIEM file = log, each once",
            sent.keys() == wanted.keys() and len(evidence.siem_file) == len(sent),
            f"lines={len(evidence.siem_file)} missing={len(wanted.keys() - sent.keys())} "
            f"double={len(evidence.siem_file) - len(sent)}",
        ),
        Promise(
            "SIEM receiver = log",
            received == wanted.keys(),
            f"requests={len(received)} missing={len(wanted.keys() - received)} "
            f"extra={len(received - wanted.keys())} repeated with the same id={doubles}",
        ),
        Promise("LEDGER = cost of terminal facts", +seen.spent == +seen.cost(),
                f"spent={seen.spent.total()} cost={seen.cost().total()}"),
        _dead(evidence),
        Promise("every caller got an answer", not evidence.given_up,
                f"given up={len(evidence.given_up)} {evidence.given_up[:3]}"),
    ]  # fmt: skip


async def chains(connection: LogConnection, injected: Injected) -> Promise:
    """The log verifies, except at what the campaign put there, which all has to be named."""
    checkpoints = await read_checkpoints(connection)
    report = await verify_chains(connection, checkpoints=checkpoints)
    named = {fault.sequence for fault in report.faults if fault.stream == "TRAFFIC"}
    foreign = {*injected.copies, *(place for place, payload in injected.poison.items() if not _whole(payload))}
    others = [fault for fault in report.faults if fault.stream != "TRAFFIC" or fault.sequence not in foreign]
    missed = foreign - named
    flaws = len(faults_of(checkpoints))
    return Promise(
        "chains and checkpoints verify; what a foreign writer added is named",
        not others and not missed and not flaws,
        f"segments={report.segments} checkpoints={len(checkpoints.valid)} faults={len(others) + flaws} "
        f"foreign={len(foreign)} not named={len(missed)} {[str(fault)[:200] for fault in others[:2]]}",
    )


def _whole(payload: bytes) -> bool:
    """A segment that is right as such, of a chain of its own: only its fact is not."""
    return b"nothing of the kind" in payload


def _closed(evidence: Evidence) -> Promise:
    worst, unexplained = 0.0, 0
    for writer, known, closed in evidence.seen.abandoned:
        died = [at for name, at in evidence.deaths if name == writer and at <= closed]
        # what the dead left in a spool comes to the log when they are back
        worst = max(worst, closed - max(*died, known)) if died else worst
        unexplained += not died
    return Promise(
        "open requests of dead writers are closed within 60 s",
        worst <= CLOSED_S and not unexplained,
        f"closed={len(evidence.seen.abandoned)} slowest={worst:.1f} s without a death={unexplained}",
    )


def _dead(evidence: Evidence) -> Promise:
    poison = evidence.injected.poison
    letters = [letter for letter in evidence.dead if letter.message.stream == "TRAFFIC"]
    found = {(letter.message.sequence, letter.consumer) for letter in letters}
    wrong = [
        letter
        for letter in letters
        if poison.get(letter.message.sequence) != letter.message.payload or not letter.reason
    ]
    missing = [
        (sequence, reader)
        for sequence, payload in poison.items()
        for reader in READERS
        if (sequence, reader) not in found and not (reader == "siem" and _whole(payload))
    ]
    others = len(evidence.dead) - len(letters)
    doubles = len(letters) - len({(*key,) for key in found})
    return Promise(
        "DEAD holds each poison with bytes and reason, and nothing else",
        not (wrong or missing or others or doubles),
        f"poison={len(poison)} among {len(evidence.seen.terminals)} requests, letters={len(evidence.dead)} "
        f"missing={len(missing)} not poison={len(wrong) + others} double={doubles}",
    )


def _same(name: str, rows: Collection[tuple[str, Summary]], wanted: dict[str, Summary]) -> Promise:
    found = dict(rows)
    doubles = len(rows) - len(found)
    missing, extra = wanted.keys() - found.keys(), found.keys() - wanted.keys()
    different = [request for request in found.keys() & wanted.keys() if found[request] != wanted[request]]
    return Promise(
        name,
        not (doubles or missing or extra or different),
        f"rows={len(rows)} missing={len(missing)} extra={len(extra)} double={doubles} different={len(different)}",
    )
