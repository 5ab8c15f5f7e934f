"""`nexus whatif`: what a candidate configuration would have made of recorded traffic. Changes nothing, calls nobody."""

from __future__ import annotations

import argparse
import asyncio
import os

from ops.cli.candidate import Found, Given, read_candidate, resolve
from ops.cli.endpoints import read_endpoints, url_of
from ops.cli.exits import OK, CommandFailed, Misused
from ops.cli.log_of import log_at
from ops.cli.output import Output
from ops.cli.places import check_places, span_between
from ops.cli.rebuild import settings_of
from ops.cli.record import record
from ops.cli.whatif_told import as_text, told
from ops.progress import Progress
from projections.live.epochs import Epochs, versions
from projections.live.health import PastHealth, past_health
from projections.log.connection import LogConnection
from projections.log.span import Span
from projections.ranges import between
from projections.screening import Screener, load_builtin_rules, load_or_compile
from projections.spent import spent_before
from projections.vault import BadMasterKey, BodyVault, Vault, open_vault
from projections.whatif import Compared, Comparison, Texts
from schemas.envelope import Position
from schemas.ids import SystemClock
from schemas.screening.rules import names
from schemas.settings import Settings
from schemas.whatif_budgets import Player

OPTIONS = ("policy", "route", "prices", "budget", "key")


class _Run:
    """One run: what it reads, and what it needed on the way."""

    def __init__(self, args: argparse.Namespace, found: Found, progress: Progress) -> None:
        self.args = args
        self.found = found
        self.health = PastHealth()
        self.recorded_at = ""
        self._progress = progress
        self._vault: BodyVault | None = None

    async def compare(self) -> Compared:
        async with log_at(url_of("nats", self.args.data), "whatif") as connection:
            try:
                rules = {rule.id: rule for rule in load_builtin_rules()}
                configuration = await versions(connection)
                candidate = resolve(self.found, self.args.tenant or "", configuration.state, names(rules.values()))
                epochs = Epochs(candidate, rules, configuration)
                span = await span_between(connection, self.args.from_, self.args.to, SystemClock())
                if any(aggregate == "route" for aggregate, _, _ in candidate):
                    self.health = await _health(connection, span)
                comparison = Comparison(
                    connection,
                    span,
                    epochs,
                    self.health,
                    Player(await spent_before(connection, span.first)),
                    tenant=self.args.tenant or "",
                    limit=self.args.limit or 0,
                )

                async def permit(bodies: int) -> Texts:
                    return await self._permit(connection, span, bodies)

                return await comparison.run(permit, self._show)
            finally:
                if self._vault is not None:
                    await self._vault.close()

    def _show(self, done: int, total: int, requests: int) -> None:
        self._progress.bar(done, total, f"{requests:,} requests judged", rate="segments")

    async def _permit(self, connection: LogConnection, span: Span, bodies: int) -> Texts:
        """Says on the log who is about to open how many bodies, of what, and why; only then are there keys."""
        settings = settings_of(self.args.data, os.environ)
        keys = await _keys(settings, connection)
        vault = BodyVault(connection, keys)
        pack = await asyncio.to_thread(load_or_compile, settings.data / "packs")
        if bodies:
            of = f"{Position(span.stream, span.first)} to {Position(span.stream, span.last)}"
            tenant = f"tenant {self.args.tenant}" if self.args.tenant else "all tenants"
            detail = f"{of}, {tenant}, {bodies} bodies to be opened in memory, reason: {self.args.reason}"
            self.recorded_at = str(Position("OPS", await record(connection, "whatif", detail)))
        self._vault = vault
        await vault.start()
        return Texts(vault, Screener(pack), keys.hash_key)


def whatif(args: argparse.Namespace) -> int:
    """Compare, and tell the difference."""
    output = Output(args.output)
    given: Given = [(option, path) for option in OPTIONS for path in getattr(args, option) or ()]
    if not given:
        raise Misused("name a candidate with --policy FILE, --route FILE, --prices FILE, --budget FILE or --key FILE")
    check_places(args.from_, args.to, "TRAFFIC", SystemClock())
    found = read_candidate(given)
    args.reason = args.reason or f"what-if of {', '.join(path.name for _, path in given)}"
    progress = Progress(output.stderr)
    run = _Run(args, found, progress)
    compared = asyncio.run(run.compare())
    progress.done()
    admin = read_endpoints(args.data).get("admin", "")
    facts = told(
        compared, found, run.health, args, recorded_at=run.recorded_at, admin=admin, seconds=progress.seconds()
    )
    output.result(facts, as_text(facts))
    if not compared.complete:
        output.message("the limit was reached: later requests were not looked at")
    return OK


async def _health(connection: LogConnection, span: Span) -> PastHealth:
    first = await between(connection, span.stream, span.first, min(span.first, span.last))
    last = await between(connection, span.stream, span.last, span.last)
    if not last:
        return PastHealth()
    return await past_health(connection, first[0].time_us if first else 1, last[-1].time_us)


async def _keys(settings: Settings, connection: LogConnection) -> Vault:
    if not settings.master_key and not (settings.data / "master.key").exists():
        raise CommandFailed(
            "bodies have to be opened, and the master key is not here: set NEXUS_MASTER_KEY, or name the data "
            "directory with --data"
        )
    try:
        return await open_vault(settings, connection)
    except BadMasterKey as problem:
        raise CommandFailed(str(problem)) from None
