"""`nexus up` in the foreground: starts everything, announces it, and stays until a signal ends it."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from typing import Any

from ops.cli.exits import INTERRUPTED, OK
from ops.cli.output import Output
from ops.up import options
from ops.up.first_start import Issued, NotApplied, configure
from ops.up.nexus import ENDPOINTS_FILE, Nexus
from ops.up.options import ADMIN, GATEWAY, Options
from ops.up.rules import ensure_rules
from projections.process import begin

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(args: argparse.Namespace) -> int:
    """The command; its exit status. 0 after an orderly stop, 130 when stopped before it served."""
    wanted = options.read(args, os.environ)
    output = Output(args.output)
    begin("WARNING", attended=True)
    return asyncio.run(_serve(wanted, output))


async def _serve(wanted: Options, output: Output) -> int:
    nexus = Nexus(wanted, lambda text: output.message(f"nexus: {text}"))
    stop = asyncio.Event()
    _listen(stop, nexus, output)
    starting = asyncio.create_task(_start(nexus, output), name="start")
    leaving = asyncio.create_task(stop.wait())
    await asyncio.wait((starting, leaving), return_when=asyncio.FIRST_COMPLETED)
    leaving.cancel()
    if stop.is_set() and not starting.done():
        starting.cancel()
        await asyncio.wait((starting,))
        if starting.cancelled():
            output.message("nexus: stopped before it served; the next start goes on from here")
            return INTERRUPTED
    starting.result()
    await stop.wait()
    await nexus.stop()
    output.message("nexus: stopped")
    return OK


async def _start(nexus: Nexus, output: Output) -> None:
    if nexus.options.processes:
        # by themselves processes would compile them too, without anybody seeing why it takes so long
        await ensure_rules(nexus.options.data / "packs", lambda text: output.message(f"nexus: {text}"))
    await nexus.start()
    try:
        first = await configure(nexus)
        announce(nexus, first.keys, output)
        # whoever was told of the keys has them now: from here on no start makes another
        first.finish()
    except NotApplied as failure:
        if failure.keys:
            output.line({"ready": False, **_told(failure.keys)}, "\n".join(key.line for key in failure.keys))
        await nexus.stop()
        raise
    except BaseException:
        await nexus.stop()
        raise


def announce(nexus: Nexus, keys: list[Issued], output: Output) -> None:
    """The result of the command: keys that were issued, which nobody can show again, and one line when all serves."""
    wanted = nexus.options
    if not wanted.processes:
        path = str(wanted.data / ENDPOINTS_FILE)
        output.line({"ready": True, "endpoints": path}, f"ready stack endpoints={path}")
        return
    urls = {name: nexus.endpoints[name] for name in (GATEWAY, ADMIN) if name in wanted.processes}
    ready = " ".join(["ready", *(f"{name}={url}" for name, url in urls.items())])
    output.line({"ready": True, **urls, **_told(keys)}, "\n".join([*(key.line for key in keys), ready]))


def _told(keys: list[Issued]) -> dict[str, Any]:
    """Keys as JSON shows them."""
    if not keys:
        return {}
    every = [{"tenant": key.tenant, "id": key.id, "key": key.key} for key in keys]
    return {"virtual_key": keys[0].key, "virtual_keys": every}


def _listen(stop: asyncio.Event, nexus: Nexus, output: Output) -> None:
    """The first signal stops in order, a further Ctrl-C at once."""
    loop = asyncio.get_running_loop()

    def asked(number: signal.Signals) -> None:
        if not stop.is_set():
            stop.set()
            more = "; Ctrl-C again to stop at once" if number == signal.SIGINT else ""
            output.message(f"nexus: stopping in order{more}")
        elif number == signal.SIGINT:
            output.message("nexus: stopped at once; the next start mends what that leaves")
            nexus.abandon()
            # nothing here may wait any more
            os._exit(INTERRUPTED)

    for number in SIGNALS:
        loop.add_signal_handler(number, asked, number)
