"""The campaign: a Nexus under a bounded load, faults by a seeded schedule, then what its witnesses say is compared."""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import secrets
import signal
from collections import Counter
from collections.abc import Sequence
from typing import Any

from benchmarks.chaos.faults import Faults
from benchmarks.chaos.injections import Injector
from benchmarks.chaos.oracle import Promise
from benchmarks.chaos.scenarios import SCENARIOS, USUAL, Scenario, add_options
from benchmarks.chaos.schedule import KINDS, Schedule
from benchmarks.chaos.site import NotUp, Site
from benchmarks.chaos.trial import on_a_site, rows_of, trial
from benchmarks.report import aligned, say
from ops.up.options import PROCESSORS

MINUTES, RATE = 2.0, 60.0
"""Unless it is told otherwise."""
LONG_MINUTES = 10.0
"""From so many minutes on, a campaign has long outages too."""
TOLD_MINUTES = 20.0


async def run(given: argparse.Namespace) -> list[Promise]:
    """One campaign. `given.told` is set to what the tables are made of.

    Raises:
        NotUp: something could not be started.
    """

    def written(faults: Faults, injector: Injector) -> Schedule:
        dice, long = random.Random(given.seed + 2), given.minutes >= LONG_MINUTES
        told_s = 60 * given.told_minutes if long else 0.0
        return Schedule(faults, injector, dice, kinds=given.kinds, brief=given.brief, long=long, told_s=told_s)

    async def broken(site: Site) -> list[Promise]:
        return await trial(site, given, written)

    return await on_a_site(given, broken)


def shown(told: dict[str, Any]) -> str:
    """The tables for people."""
    rows = [("promise", "", "what was compared")]
    rows += [(each["name"], each["verdict"], each["detail"]) for each in told["promises"]]
    faults = [("fault", "what", "times", "recovered p50 s", "max s")]
    faults += [
        (each["kind"], each["target"], str(each["times"]), f"{each['p50_s']:.2f}", f"{each['max_s']:.2f}")
        for each in told["faults"]
    ]
    load = f"{told['requests']} requests in {told['seconds']} s" if "requests" in told else ""
    stalls = f"; the log itself stalled {len(told['stalls'])} times" if told.get("stalls") else ""
    tables = [aligned(rows, right=set()), aligned(faults, right={2, 3, 4}), *told.get("tables", ())]
    text = "\n\n".join(tables)
    return f"{text}\n{load}{stalls}".rstrip()


EXIT = """exit status: 0 nothing is broken (what could not be decided is told as such: a longer campaign may); 1 a
promise is broken; 2 it could not be started; 130 it was stopped, and nothing was judged"""


def options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks chaos", description=__doc__, epilog=EXIT)
    parser.add_argument("--minutes", type=_amount, help="how long it lasts, one whole round at least (2; absence 10)")
    parser.add_argument("--rate", type=_positive, help="requests begun a second (60; absence 15)")
    parser.add_argument("--in-flight", type=_many, default=64, help="most of them under way")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(2**31), help="of everything that chance decides (any)"
    )
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), help="one fault on a Nexus of its own instead")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="of faults (all of them)")
    parser.add_argument("--told-minutes", type=_amount, default=TOLD_MINUTES,
                        help="how long a long one goes on to tell the effect of a hung SIEM (20)")  # fmt: skip
    parser.add_argument("--together", dest="workers", action="store_const", const=("workers",), default=PROCESSORS,
                        help="all workers in one process")  # fmt: skip
    parser.add_argument("--keep", action="store_true", help="keep the data directory when a promise was broken")
    parser.add_argument("--output", choices=("text", "json"), default="text")
    add_options(parser)
    parser.set_defaults(told=None, brief=False)
    given = parser.parse_args(arguments)
    minutes, rate = USUAL.get(given.scenario, (MINUTES, RATE))
    given.minutes = minutes if given.minutes is None else given.minutes
    given.rate = rate if given.rate is None else given.rate
    return given


def _amount(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError("not a number from 0 on")
    return value


def _positive(text: str) -> float:
    if not (value := _amount(text)):
        raise argparse.ArgumentTypeError("has to be more than 0")
    return value


def _many(text: str) -> int:
    value = int(text) if text.isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError("not a whole number from 1 on")
    return value


def main(arguments: list[str]) -> int:
    given = options(arguments)
    say(f"seed {given.seed}")
    chosen: Scenario = SCENARIOS[given.scenario] if given.scenario else run
    # an order to end is obeyed as Ctrl-C is: what was started is stopped; also where a shell that started this in the
    # background had it ignore Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        promises = asyncio.run(chosen(given))
    except NotUp as error:
        say(str(error))
        return 2
    except KeyboardInterrupt:
        say("stopped; nothing was judged")
        return 130
    held = all(promise.held for promise in promises)
    told = given.told or {"seed": given.seed, "held": held, "promises": rows_of(promises), "faults": []}
    print(json.dumps(told) if given.output == "json" else shown(told))
    counts = Counter(promise.verdict for promise in promises)
    say(f"seed {given.seed}: {', '.join(f'{count} {verdict}' for verdict, count in sorted(counts.items()))}")
    return 0 if held else 1
