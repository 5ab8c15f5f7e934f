"""How costs grow: boot, memory and lookups with keys; screening with rules; routes; the log; gateways side by side."""

from __future__ import annotations

import argparse
import hashlib
import hmac
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path

import uvloop

from benchmarks import growth, made, report
from benchmarks.filling import fill
from benchmarks.history import Figure
from benchmarks.made import Written
from benchmarks.nexus import Broken
from benchmarks.servers import log_on, nats
from benchmarks.usage import cpu_s, rss_bytes
from ops.stack.ports import free_port
from projections.live.state import LiveState
from projections.screening import Screener, compile_rules, load_builtin_rules
from schemas.aggregates import model, provider, route
from schemas.ids import Ids, SystemClock
from schemas.routing.choose import choose, match_route
from schemas.screening.model import Rule
from schemas.settings import Settings, environment_of

ROOT = Path(__file__).resolve().parents[1]
KEYS = (10, 1_000, 10_000, 100_000)
TENANTS = (1, 100, 10_000)
ROUTES = (1, 30, 1_000)
RULES = (40, 400, 2_000)
LENGTHS = (10_000, 100_000, 1_000_000)
PROCESSES = (1, 2, 4)
BOOTS = 3
READY_S = 60.0
LEAVE_S = 60.0
BOOT_TARGET_S, RSS_TARGET_MB = 3.0, 250.0


def per_call(call: Callable[[], object], calls: int = 2_000, batches: int = 5) -> float:
    """Microseconds of CPU of one call; the best of some batches, since other work on the machine is none of it."""
    best = float("inf")
    for _ in range(batches):
        begun = time.thread_time()
        for _ in range(calls):
            call()
        best = min(best, time.thread_time() - begun)
    return best / calls * 1e6


# --- a gateway's boot


async def write(url: str, messages: Iterable[Written]) -> int:
    async with log_on(url, "benchmark") as connection:
        return await fill(connection, messages)


def boot(url: str, directory: Path) -> tuple[float, float, float]:
    """Starts a gateway, waits until it is ready, stops it: seconds, seconds of CPU, megabytes resident."""
    port = free_port()
    settings = Settings(
        data_dir=str(directory), nats_url=url, valkey_url=f"valkey://127.0.0.1:{free_port()}/0", gateway_port=port,
        master_key="00" * 32, log_level="WARNING",
    )  # fmt: skip
    with (directory / "gateway.log").open("wb") as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "ingress.gateway"], cwd=ROOT, stdout=log, stderr=log,
            env={**os.environ, **environment_of(settings)},
        )  # fmt: skip
        try:
            while not _ready(port):
                if process.poll() is not None or time.perf_counter() - began > READY_S:
                    raise SystemExit(f"the gateway did not start:\n{(directory / 'gateway.log').read_text()[-2000:]}")
                time.sleep(0.01)
            return time.perf_counter() - began, cpu_s(process.pid), rss_bytes(process.pid) / 1e6
        finally:
            process.terminate()
            process.wait(LEAVE_S)


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def boots(label: str, messages: Callable[[], Iterable[Written]], most: bool) -> list[Figure]:
    """Boot to ready on a log with these messages of CONFIG.

    Args:
        most: these are as many as the targets speak of.
    """
    with (
        tempfile.TemporaryDirectory(prefix="nexus-scale-") as name,
        nats(Path(name) / "nats", sync_always=False) as url,
    ):
        uvloop.run(write(url, messages()))
        directory = Path(name) / "data"
        directory.mkdir()
        boot(url, directory)  # the first one compiles the rules
        seen = [boot(url, directory) for _ in range(BOOTS)]
    wall, cpu, resident = (report.median([one[place] for one in seen]) for place in range(3))
    return [
        Figure(f"boot to ready, {label}", round(wall, 2), "s", "less", BOOT_TARGET_S if most else None),
        Figure(f"boot to ready, {label}: gateway CPU", round(cpu, 2), "s", "less"),
        Figure(f"RSS at ready, {label}", round(resident, 1), "MB", "less", RSS_TARGET_MB if most else None),
    ]


# --- in memory


def lookups(count: int) -> Figure:
    """From a presented key to the key's entry, its HMAC included."""
    secret = bytes(32)
    texts = [f"nvk_{number:064x}" for number in range(min(count, 1_000))]

    def hashed(text: str) -> str:
        return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()

    state = folded(made.keys(count, hashes=[hashed(text) for text in texts]))
    dice = random.Random(1)
    found = per_call(lambda: state.keys_by_hash[hashed(dice.choice(texts))])
    return Figure(f"key lookup, {count:,} keys", round(found, 2), "µs", "less")


def folded(messages: Iterable[Written]) -> LiveState:
    state = LiveState()
    for sequence, (subject, payload, _) in enumerate(messages, 1):
        state.apply(sequence, subject, payload)
    return state


def routed(count: int) -> list[Figure]:
    """Compiling a tenant's table and choosing from it, with so many routes, each for a model of its own."""
    ids = Ids(SystemClock())
    messages = [
        made.named(provider.DECIDER, provider.Provider(id="mock", tenant="t", base_url="http://127.0.0.1/v1"), ids)
    ]
    for number in range(count):
        name = f"model-{number}"
        messages += [
            made.named(model.DECIDER, model.Model(id=f"mock/{name}", tenant="t"), ids),
            made.named(route.DECIDER, route.Route(id=f"r{number}", tenant="t", models=(name,)), ids),
        ]
    view = folded(messages).tenants["t"]
    begun = time.thread_time()
    table = view.table
    compiled = (time.thread_time() - begun) * 1e3
    wanted = f"model-{count - 1}"

    def take() -> object:
        return choose(table, match_route(table, wanted), wanted, lambda _: True)

    return [
        Figure(f"route table, {count:,} routes", round(compiled, 2), "ms", "less"),
        Figure(f"choice of a route, {count:,} routes", round(per_call(take), 2), "µs", "less"),
    ]


def rules(count: int) -> tuple[Rule, ...]:
    """The first rules of the packs, and beyond them made-up ones for keys of companies that do not exist."""
    known = load_builtin_rules()[:count]
    return known + tuple(_rule(number) for number in range(count - len(known)))


def _rule(number: int) -> Rule:
    mark = f"{''.join(random.Random(number).choices('bcdfghjkmnpqrstvwxz', k=5))}{number}"
    good, bad = f"{mark}_{'a1B2c3D4' * 4}", f"{mark}-{'a1B2c3D4' * 4}"
    return Rule(
        id=f"secret.made-{number}", title="A made-up key", category="secret", severity="hard", action="block",
        patterns=(f"{mark}_[0-9A-Za-z]{{32}}",), boundary="0-9A-Za-z_", hits=(good, f" {good} ", f"({good})"),
        misses=(bad, mark, good[:-1]), source="none",
    )  # fmt: skip


def screened(count: int) -> list[Figure]:
    """Compiling so many rules, and screening of clean prose with them."""
    wanted = rules(count)
    begun = time.process_time()
    pack = compile_rules(wanted)
    compiled = time.process_time() - begun
    size = len(pack.to_bytes()) / 1e6
    screener = Screener(pack)
    prose = "The quarterly report describes revenue growth across regions, with 12 percent in the north. "
    figures = [
        Figure(f"compile, {count:,} rules", round(compiled, 2), "s", "less"),
        Figure(f"compiled pack, {count:,} rules", round(size, 2), "MB", "less"),
    ]
    for kilobytes in (0.5, 8, 48):
        text = (prose * 600)[: int(kilobytes * 1000)]
        cost = per_call(lambda text=text: screener.screen([text], "request"), calls=200)  # type: ignore[misc]
        figures.append(Figure(f"scan of {kilobytes:g} KB, {count:,} rules", round(cost, 1), "µs", "less"))
    return figures


def main(arguments: list[str]) -> int:
    parser = report.options("scale", __doc__)
    parser.add_argument("--only", choices=list(DIMENSIONS), help="one dimension")
    given = parser.parse_args(arguments)
    figures: list[Figure] = []
    for name, measure in DIMENSIONS.items():
        if given.only in (None, name):
            try:
                figures += measure(given)
            except Broken as error:
                report.say(str(error))
                return 1
    return report.finish("scale", given, figures)


def _keys(given: argparse.Namespace) -> list[Figure]:
    figures = []
    for count in (10, 100_000) if given.quick else KEYS:
        report.say(f"{count:,} keys")
        figures += boots(f"{count:,} keys", lambda count=count: made.keys(count), count == KEYS[-1])  # type: ignore[misc]
        figures.append(lookups(count))
    return figures


def _tenants(given: argparse.Namespace) -> list[Figure]:
    figures = []
    for count in (1, 1_000) if given.quick else TENANTS:
        report.say(f"{count:,} tenants")
        figures += boots(f"{count:,} tenants of 2 keys", lambda count=count: made.keys(2 * count, count), False)  # type: ignore[misc]
    return figures


def _routes(given: argparse.Namespace) -> list[Figure]:
    report.say("routes")
    return [figure for count in ROUTES for figure in routed(count)]


def _rules(given: argparse.Namespace) -> list[Figure]:
    figures = []
    for count in RULES[:2] if given.quick else RULES:
        report.say(f"{count:,} rules")
        figures += screened(count)
    return figures


def _log(given: argparse.Namespace) -> list[Figure]:
    figures = []
    for facts in LENGTHS[:2] if given.quick else LENGTHS:
        report.say(f"{facts:,} facts on the log")
        figures += growth.lengths(facts)
        figures += boots(
            f"{facts:,} facts on the log",
            lambda facts=facts: chain(made.keys(10), made.segments(facts, "before")),  # type: ignore[misc]
            False,
        )
    return figures


def _processes(given: argparse.Namespace) -> list[Figure]:
    report.say("gateways beside each other")
    return growth.processes(PROCESSES, 2_000 if given.quick else 20_000)


DIMENSIONS: dict[str, Callable[[argparse.Namespace], list[Figure]]] = {
    "keys": _keys,
    "tenants": _tenants,
    "routes": _routes,
    "rules": _rules,
    "log": _log,
    "processes": _processes,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
