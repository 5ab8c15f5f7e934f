"""Commands on configuration: what changes CONFIG. Each method is one kind of request, for any collection."""

from __future__ import annotations

import logging
from typing import Any, Protocol

import msgspec

from ingress.admin.bodies import fit, merge_patch, parse_object, refuse_unknown
from ingress.admin.call import Answer, Call
from ingress.admin.intake import Completed, Intake, Sealing
from ingress.admin.known_prices import with_prices
from ingress.admin.proving import Proving
from ingress.admin.references import (
    ConfigView,
    check_references,
    check_rules,
    check_tenant,
    check_unique,
    check_unreferenced,
    nearest,
)
from ingress.admin.tenancy import resolve_tenant
from ingress.config_store import Loaded, Store
from schemas.aggregates.decider import Change, Command, Create, Put, Remove, State, problems_of_id
from schemas.envelope import Position
from schemas.errors import Conflict, InvalidRequest, NotFound
from schemas.facts.traffic import SYSTEM
from schemas.screening.rules import names

log = logging.getLogger(__name__)

SETTLE_S = 2.0
"""How long a command waits for this process to see its own effect, so that the next command can build on it."""


class View(ConfigView, Protocol):
    """What is needed of the live configuration by commands."""

    async def wait_for(self, sequence: int, wait_s: float | None) -> bool: ...


class Tools(msgspec.Struct, frozen=True):
    """What every collection's commands work with."""

    store: Store
    view: View
    vault: Sealing
    rules: frozenset[str]
    """What policies may name of the rules that come with Nexus."""
    proving: Proving | None = None
    """Of tenants' own rules."""


class CommandQuery(msgspec.Struct, frozen=True):
    """Parameters of a command."""

    tenant: str = ""
    """May stand here instead of in the body."""


class RemoveQuery(CommandQuery, frozen=True):
    """Parameters of a deletion."""

    reason: str = ""
    """Kept on the log beside the deletion."""


class Commands:
    """The commands of one collection."""

    def __init__(self, intake: Intake, tools: Tools) -> None:
        self._intake = intake
        self._decider = intake.decider
        self._word = intake.decider.name.replace("-", " ")
        self._store = tools.store
        self._view = tools.view
        self._vault = tools.vault
        self._rules = tools.rules
        self._proving = tools.proving

    async def create(self, call: Call) -> Answer:
        """POST: brings a new one into being; 409 when it exists."""
        given = fit(parse_object(call.body), self._intake.shape)
        identifier = given.id or self._intake.make_id()
        tenant = self._tenant(call, identifier, getattr(given, "tenant", ""))
        completed = with_prices(self._complete(given, tenant, identifier, None), None, self._view)
        return await self._decide(call, tenant, identifier, completed, Create(completed.spec), None, status=201)

    async def put(self, call: Call) -> Answer:
        """PUT: makes it what the body says, whether or not it exists; a secret that is not sent stays."""
        given = fit(parse_object(call.body), self._intake.shape)
        identifier = self._same_id(call, given.id)
        tenant = self._tenant(call, identifier, getattr(given, "tenant", ""))
        loaded = await self._store.load(self._decider, tenant, identifier)
        current = self._in_force(loaded)
        call.check_version(loaded.version if current is not None else 0)
        completed = with_prices(self._complete(given, tenant, identifier, current), current, self._view)
        status = 200 if current is not None else 201
        return await self._decide(
            call, tenant, identifier, completed, Put(completed.spec), loaded.sequence, status=status
        )

    async def patch(self, call: Call) -> Answer:
        """PATCH: merges the given fields into what is in force (RFC 7396); 409 when it changed in between."""
        patch = parse_object(call.body)
        refuse_unknown(patch, self._intake.shape.__struct_fields__)
        named = patch.get("tenant")
        identifier = self._same_id(call, patch.get("id"))
        tenant = self._tenant(call, identifier, named if isinstance(named, str) else "")
        loaded = await self._store.load(self._decider, tenant, identifier)
        current = self._existing(loaded, tenant, identifier)
        call.check_version(loaded.version)
        given = fit(self._merged(current, patch), self._intake.shape)
        completed = self._complete(given, tenant, identifier, current)
        return await self._decide(call, tenant, identifier, completed, Change(completed.spec), loaded.sequence)

    async def remove(self, call: Call) -> Answer:
        """DELETE: takes it away (a virtual key is revoked); 409 while something else needs it."""
        tenant = self._tenant(call, call.id)
        loaded = await self._store.load(self._decider, tenant, call.id)
        self._intake.check_removal(self._existing(loaded, tenant, call.id), call.query.reason, self._vault)
        call.check_version(loaded.version)
        check_unreferenced(self._decider.name, tenant, call.id, self._view)
        handled = await self._store.handle(
            self._decider,
            tenant,
            call.id,
            Remove(call.query.reason),
            actor=call.principal.actor,
            correlation=call.request_id,
            expected=loaded.sequence if call.if_match else None,
        )
        await self._settle(handled.sequence)
        return Answer(status=204, position=Position("CONFIG", handled.sequence))

    async def _decide(
        self,
        call: Call,
        tenant: str,
        identifier: str,
        completed: Completed,
        command: Command,
        expected: int | None,
        *,
        status: int = 200,
    ) -> Answer:
        if self._proving is not None:
            await self._proving.check(completed.spec)
        handled = await self._store.handle(
            self._decider,
            tenant,
            identifier,
            command,
            actor=call.principal.actor,
            correlation=call.request_id,
            expected=expected,
        )
        await self._settle(handled.sequence)
        body = {**self._intake.view(completed.spec), "version": handled.version, **completed.once}
        return Answer(status=status, body=body, position=Position("CONFIG", handled.sequence), version=handled.version)

    def _complete(self, given: Any, tenant: str, identifier: str, current: State) -> Completed:
        if self._decider.name != "model":  # whose id is account/name, which its decider checks
            problems = problems_of_id(identifier)
            if problems:
                raise InvalidRequest("; ".join(problems), param="id")
        if "tenant" in given.__struct_fields__:
            check_tenant(self._decider.collection, tenant, self._view)
            given = msgspec.structs.replace(given, id=identifier, tenant=tenant)
        else:
            given = msgspec.structs.replace(given, id=identifier)
        completed = self._intake.complete(given, current, self._vault)
        check_references(completed.spec, tenant, self._view, before=current)
        own = [each.rule() for each in self._view.all_of("rule", tenant)]
        check_rules(completed.spec, self._rules | names(own), before=current)
        check_unique(completed.spec, self._view)
        return completed

    def _tenant(self, call: Call, identifier: str, named: str = "") -> str:
        if self._decider.name != "tenant":
            return resolve_tenant(call.principal, self._view, named, call.query.tenant)
        call.principal.require_all()
        if call.query.tenant:
            raise InvalidRequest("A tenant is in no other tenant; leave the parameter out.", param="tenant")
        if identifier == SYSTEM:
            raise InvalidRequest("The tenant system is the platform's own; choose another id.", param="id")
        return identifier

    def _same_id(self, call: Call, given: object) -> str:
        if given not in (None, "", call.id):
            raise InvalidRequest("id in the body is not the one in the path; an id cannot be changed", param="id")
        return call.id

    def _in_force(self, loaded: Loaded) -> State:
        return loaded.state if isinstance(loaded.state, self._decider.spec) else None

    def _existing(self, loaded: Loaded, tenant: str, identifier: str) -> msgspec.Struct:
        current = self._in_force(loaded)
        if current is not None:
            return current
        if loaded.state is not None:
            raise Conflict(f"This {self._word} is revoked and stays so; create a new one.", code="revoked")
        where = None if self._decider.name == "tenant" else tenant
        known = [spec.id for spec in self._view.all_of(self._decider.name, where)]
        raise NotFound(f"This {self._word} does not exist ({nearest(identifier, known)}).")

    def _merged(self, current: msgspec.Struct, patch: dict[str, Any]) -> dict[str, Any]:
        secret = {name for name, _ in self._intake.clear}
        known = [name for name in self._intake.shape.__struct_fields__ if name not in secret]
        base = {name: msgspec.to_builtins(getattr(current, name)) for name in known}
        merged: dict[str, Any] = merge_patch(base, {name: patch[name] for name in patch if name not in secret})
        # a secret cannot be merged: null reaches the intake, which knows whether it can be taken away
        return {**merged, **{name: patch[name] for name in patch if name in secret}}

    async def _settle(self, sequence: int) -> None:
        if not await self._view.wait_for(sequence, SETTLE_S):
            log.warning("config view is behind own_write=CONFIG:%d waited_s=%.1f", sequence, SETTLE_S)
