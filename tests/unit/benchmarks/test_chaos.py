"""The judge of a campaign says that a promise is broken whenever one witness says something else than the others."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable

import pytest

from benchmarks.chaos.conduct import calm, promises
from benchmarks.chaos.faults import Done
from benchmarks.chaos.injections import Injected
from benchmarks.chaos.judge import READERS, Evidence, records
from benchmarks.chaos.oracle import Seen, Summary
from projections.log.dead import DeadLetter
from projections.log.reader import Message

DONE: Summary = ("chaos", "completed", 1, 2, 30)
ABANDONED: Summary = ("chaos", "abandoned", 0, 0, 70)
POISON = b"rubbish"
MEASURED = ("orderly", "outages", "hang")


def letter(consumer: str, payload: bytes = POISON, sequence: int = 5) -> DeadLetter:
    return DeadLetter(1, 1, consumer, "not a segment", Message("TRAFFIC", sequence, "traffic.0", payload, 1, ""))


def sound() -> Evidence:
    rows = [("r1", DONE), ("r2", ABANDONED)]
    seen = Seen({"r1", "r2"}, {"r1": [DONE], "r2": [ABANDONED]}, [("gateway-1", 9.0, 40.0)], Counter(chaos=100))
    answers = [{"id": "r1", "shape": "strict", "status": 200}, {"id": "", "shape": "plain", "status": 503}]
    return Evidence(
        seen, {"r1"}, answers, [], list(rows), list(rows), ["r1", "r2"], ({"r1", "r2"}, 1),
        [letter(reader) for reader in READERS], Injected(poison={5: POISON}),
        [("gateway-1", 10.0), ("gateway-2", 39.0)],
    )  # fmt: skip


def _set(name: str, value: object) -> Callable[[Evidence], None]:
    return lambda evidence: setattr(evidence, name, value)


BREAKS: dict[str, Callable[[Evidence], object]] = {
    "what the provider saw is on the log (strict and overlapped)": lambda e: e.provider.add("r3"),
    "what callers were told is on the log": lambda e: e.answers.append({"id": "r9", "shape": "plain", "status": 200}),
    "one terminal fact for each request": lambda e: e.seen.accepted.add("r3"),
    "one terminal fact for each request ": lambda e: e.seen.terminals["r1"].append(ABANDONED),
    "open requests of dead writers are closed within 60 s": lambda e: e.seen.abandoned.append(("gateway-1", 9.0, 71.0)),
    "open requests of dead writers are closed within 60 s ": lambda e: e.seen.abandoned.append(
        ("gateway-3", 9.0, 41.0)
    ),
    "PostgreSQL = log": lambda e: e.postgres.append(("r1", DONE)),
    "ClickHouse = log": lambda e: e.clickhouse.pop(),
    "SIEM file = log, each once": lambda e: e.siem_file.append("r1"),
    "SIEM receiver = log": _set("siem_http", ({"r1"}, 0)),
    "LEDGER = cost of terminal facts": lambda e: e.seen.spent.update(chaos=1),
    "DEAD holds each poison with bytes and reason, and nothing else": lambda e: e.dead.append(letter("audit", b"", 6)),
    "DEAD holds each poison with bytes and reason, and nothing else ": lambda e: e.dead.pop(),
    "every caller got an answer": lambda e: e.given_up.append("plain"),
}


def test_sound_evidence_breaks_nothing() -> None:
    assert [promise for promise in records(sound()) if not promise.held] == []


@pytest.mark.parametrize("name", BREAKS)
def test_what_one_witness_alone_says_breaks_a_promise(name: str) -> None:
    evidence = copy.deepcopy(sound())
    BREAKS[name](evidence)
    assert name.strip() in [promise.name for promise in records(evidence) if not promise.held]


def broken(done: list[Done], latencies: list[tuple[float, float]], failures: list[tuple[float, str]]) -> list[str]:
    return [
        promise.name.split(" (")[0] for promise in promises(MEASURED, done, latencies, failures) if not promise.held
    ]


def test_errors_count_for_the_fault_that_they_fell_into() -> None:
    restart = Done("SIGTERM", "gateway", 100.0, 110.0, 3.0)
    outage = Done("outage", "postgres", 200.0, 212.0, 1.0, {"seconds": 12.0, "drain_ratio": 13.0})
    hang = Done("hang", "siem-receiver", 300.0, 320.0, 1.0, {"lag_calm": 1, "lag_hung": 2},
                [(300.0 + at, 302.0 + at, 304.0 + at) for at in range(0, 20, 4)])  # fmt: skip
    answers = [(at / 10, 0.005) for at in range(1000, 3300)]
    good = [restart, outage, hang]
    assert broken(good, answers, [(150.0, "of a kill")]) == []
    assert broken(good, answers, [(105.0, "reset")]) == ["no caller errs while processes are ended in order"]
    assert broken(good, answers, [(205.0, "503")]) == ["the gateway keeps serving while a store or a SIEM is away"]
    stalled = promises(MEASURED, good, answers, [(205.0, "plain: 503")], [(199.0, 206.0)])
    assert [promise.held for promise in stalled] == [True] * 6
    assert [promise.decided for promise in stalled] == [True, False, True, True, True, True]
    elsewhere = promises(MEASURED, good, answers, [(205.0, "plain: 503")], [(100.0, 110.0)])
    assert not elsewhere[1].held, "the log had not stalled then"
    outage.figures["drain_ratio"] = 1.9
    assert broken(good, answers, []) == ["a backlog drains at 2 x arrival or more"]
    outage.figures["drain_ratio"] = 2.0
    slow = [(at, 0.008 if at > 300 and at % 4 > 2 else 0.005) for at, _ in answers]
    assert broken(good, slow, []) == ["a hung SIEM slows the gateway's p99 by less than 10 %"]
    # what was measured with nothing else around counts, and it alone
    turns = [(400.0 + at, 402.0 + at, 404.0 + at) for at in range(0, 20, 4)]
    alone = Done("hang", "siem-receiver", 400.0, 420.0, 1.0, {"lag_calm": 1, "lag_hung": 2, "alone": 1.0}, turns)
    assert broken([*good, alone], [*slow, *((at / 10, 0.005) for at in range(4000, 4200))], []) == []


def test_a_gateway_cut_off_refuses_or_spools_and_the_other_one_serves() -> None:
    cut, killed = (
        Done("cut off from the log", "gateway-2", 100.0, 140.0),
        Done("cut off from the log, kill -9", "gateway-2", 200.0, 265.0),
    )
    answers = [(120.0, 0.005), (210.0, 0.005)]

    def held(done: list[Done], answers: list[tuple[float, float]], failures: list[tuple[float, str]]) -> bool:
        (promise, _) = promises(("cut",), done, answers, failures)
        return promise.held

    good = [(105.0, "plain: 503"), (90.0, "of before"), (230.0, "slow-stream: ConnectionError")]
    assert held([cut, killed], answers, good)
    assert not held([], answers, [])
    assert not held([cut, killed], answers[:1], good)
    assert not held([cut], answers, [*good, (110.0, "plain: ConnectionError")])
    assert not held([cut], answers, [*good, (110.0, "spooled: broken stream")])


def test_what_goes_wrong_while_nothing_is_wrong_is_told() -> None:
    done = [Done("kill -9", "gateway", 100.0, 100.0, 3.0), Done("outage", "postgres", 200.0, 212.0, 1.0)]
    stalls = [(150.0, 152.0)]
    explained = [(101.0, 101.1, "reset"), (95.0, 100.5, "cut off"), (103.5, 103.9, "just back"), (151.0, 152.5, "503"),
                 (213.5, 214.5, "503")]  # fmt: skip
    assert calm(done, explained, stalls).held
    for began, ended in ((120.0, 120.1), (153.5, 153.6), (90.0, 99.0), (215.0, 216.0)):
        promise = calm(done, [*explained, (began, ended, "plain: 503")], stalls)
        assert not promise.held and "plain: 503" in promise.detail
