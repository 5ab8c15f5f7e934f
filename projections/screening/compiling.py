"""Compiles rules in a process of their own: whoever waits goes on serving, and can end at once. Files are in `cache`.

A compilation is seconds of one core and some hundred megabytes, and cannot be broken off from inside.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from projections.screening.cache import load_or_compile
from projections.screening.compiled import CompiledPack, PackError, compile_rules
from projections.screening.examples import failures
from projections.screening.screener import Screener
from schemas.screening.model import Rule

WAIT_S = 600.0
"""For the rules that come with Nexus: five seconds of one core, on a machine that may be busy with other things."""
CUSTOM_WAIT_S = 20.0
"""For the rules of one tenant."""
_MEMORY = 4 << 30
"""Bytes of address space for the rules of one tenant."""
_ROOT = Path(__file__).resolve().parents[2]


class _Order(msgspec.Struct, frozen=True):
    """What the process is to do; MessagePack on its standard input."""

    directory: str = ""
    """Where packs are kept; of the rules that come with Nexus only."""
    rules: tuple[Rule, ...] = ()
    """Of a tenant; none for those that come with Nexus."""
    prove: str = ""
    """Id of a rule whose examples are to be tried."""


class _Outcome(msgspec.Struct, frozen=True):
    pack: bytes = b""
    problems: tuple[str, ...] = ()


async def compile_apart(directory: Path) -> CompiledPack:
    """The pack of the rules that come with Nexus, compiled apart and kept as the file that `cache.cached` reads.

    Raises:
        PackError: the rules cannot be compiled, or not in time.
    """
    outcome = await _apart(_Order(directory=str(directory)), WAIT_S)
    return CompiledPack.from_bytes(outcome.pack)


async def compile_custom(rules: Sequence[Rule]) -> CompiledPack:
    """The rules of one tenant, compiled apart within bounds of time and memory.

    Raises:
        PackError: they cannot be compiled, or not within the bounds.
    """
    outcome = await _apart(_Order(rules=tuple(rules)), CUSTOM_WAIT_S)
    return CompiledPack.from_bytes(outcome.pack)


async def prove(rule: Rule, others: Sequence[Rule]) -> list[str]:
    """Why a rule of a tenant is not to be accepted beside the others of it, by field or example; empty when it is.

    It is compiled together with them, and held against its own examples.
    """
    try:
        outcome = await _apart(_Order(rules=(*others, rule), prove=rule.id), CUSTOM_WAIT_S)
    except PackError as problem:
        return [str(problem)]
    return list(outcome.problems)


async def _apart(order: _Order, wait_s: float) -> _Outcome:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=_ROOT,
    )
    try:
        async with asyncio.timeout(wait_s):
            said, _ = await process.communicate(msgspec.msgpack.encode(order))
        outcome = msgspec.msgpack.decode(said, type=_Outcome)
    except TimeoutError:
        why = "write simpler patterns" if order.rules else "this machine is busy; start again when it is less so"
        raise PackError(f"compiling takes more than {wait_s:.0f} s: {why}") from None
    except msgspec.MsgspecError:
        raise PackError(f"compiling ended without a result (exit status {process.returncode})") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await asyncio.shield(process.wait())
    if outcome.problems and not order.prove:
        raise PackError("\n".join(outcome.problems))
    return outcome


def main() -> int:
    """`python -m projections.screening.compiling`: one order, one outcome."""
    order = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=_Order)
    os.nice(5)  # whoever serves meanwhile goes first
    try:
        outcome = _done(order)
    except PackError as error:
        outcome = _Outcome(problems=(str(error),))
    sys.stdout.buffer.write(msgspec.msgpack.encode(outcome))
    sys.stdout.buffer.flush()
    return 0


def _done(order: _Order) -> _Outcome:
    if not order.rules:
        return _Outcome(load_or_compile(Path(order.directory)).to_bytes())
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    pack = compile_rules(order.rules)
    if not order.prove:
        return _Outcome(pack.to_bytes())
    screener = Screener(pack)
    rule = next(rule for rule in order.rules if rule.id == order.prove)
    return _Outcome(problems=tuple(failures(screener, rule)))


if __name__ == "__main__":
    sys.exit(main())
