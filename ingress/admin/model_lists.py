"""What providers say that accounts may call: read from memory, and asked for anew when somebody wants it now."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Protocol

from ingress.admin.call import Answer, Call
from ingress.admin.commands import SETTLE_S
from ingress.admin.config_queries import ConfigQueries, ItemQuery, ListQuery, VersionedView
from ingress.admin.intake import Intake
from ingress.admin.references import nearest
from ingress.admin.tenancy import resolve_tenant
from ingress.admin.wire import Endpoint
from ingress.discovery.asking import Asking
from ingress.discovery.refreshing import ACTOR, Discovery
from ingress.gateway.identity import Identity
from ingress.gateway.tokens import Tokens
from ingress.gateway.upstream import Upstream
from projections.live.config import LiveConfig, OnChange
from projections.live.state import Changed
from projections.log.ending import end
from projections.log.store import ConfigStore
from projections.log.writer import SegmentWriter
from projections.vault import Vault
from schemas import subjects
from schemas.aggregates.credential import Credential
from schemas.aggregates.model_list import DECIDER
from schemas.envelope import Position
from schemas.errors import NotFound
from schemas.exposition import Family, gauge, labelled
from schemas.facts.ops import ModelListFailed
from schemas.ids import Clock, Ids
from schemas.settings import Settings

PATH = f"/api/admin/{DECIDER.collection}"


class View(VersionedView, Protocol):
    """What is needed of the live configuration here."""

    async def wait_for(self, sequence: int, wait_s: float | None) -> bool: ...


class ModelLists:
    """Endpoints and samples of one process's discovery."""

    def __init__(self, discovery: Discovery, live: View) -> None:
        self._discovery = discovery
        self._live = live
        self._queries = ConfigQueries(Intake(DECIDER), live)

    async def refresh(self, call: Call) -> Answer:
        """POST: asks the provider now, and answers with what is in force then."""
        tenant = resolve_tenant(call.principal, self._live, call.query.tenant)
        known = [spec.id for spec in self._live.all_of("provider", tenant)]
        if call.id not in known:
            raise NotFound(f"This provider does not exist ({nearest(call.id, known)}).")
        after = await self._discovery.refresh(tenant, call.id)
        await self._live.wait_for(after.sequence, SETTLE_S)
        body = {**self._intake.view(after.spec), "version": after.version}
        return Answer(body=body, position=Position("CONFIG", after.sequence), version=after.version)

    @property
    def _intake(self) -> Intake:
        return self._queries.intake

    def families(self) -> list[Family]:
        """For `/metrics`; no tenant is named."""
        failing = sum(1 for _ in self._discovery.failing())
        asked = sorted(self._discovery.asked.items())
        return [
            gauge("nexus_model_lists_failing", "Accounts whose models could not be had anew.", failing),
            labelled("nexus_model_lists_total", "counter", "Lists of models asked for.", "outcome", asked),
        ]

    def endpoints(self) -> list[Endpoint]:
        """What is served of it."""
        shape = self._intake.answer
        return [
            Endpoint(
                method="GET",
                path=PATH,
                handle=self._queries.listed,
                summary="List what providers say that accounts may call",
                tag=DECIDER.collection,
                query=ListQuery,
                answer=shape,
                listing=True,
            ),
            Endpoint(
                method="GET",
                path=f"{PATH}/{{id}}",
                handle=self._queries.one,
                summary="Read what a provider says that an account may call",
                tag=DECIDER.collection,
                query=ItemQuery,
                answer=shape,
                errors=(404,),
            ),
            Endpoint(
                method="POST",
                path=f"{PATH}/{{id}}",
                handle=self.refresh,
                summary="Ask the provider of an account for its models now",
                tag=DECIDER.collection,
                query=ItemQuery,
                answer=shape,
                errors=(404, 409),
            ),
        ]


async def open_model_lists(
    settings: Settings,
    live: LiveConfig,
    vault: Vault,
    store: ConfigStore,
    writer: SegmentWriter,
    clock: Clock,
    ids: Ids,
    watchers: list[OnChange],
    opened: AsyncExitStack,
) -> ModelLists:
    """Starts to keep the lists, unless the settings say never; ends with `opened`.

    Args:
        watchers: are told whatever changes in the configuration.
    """
    upstream = Upstream(clock.monotonic)
    opened.push_async_callback(upstream.close)
    tokens = Tokens(clock.monotonic)
    opened.push_async_callback(tokens.close)
    identity = Identity(upstream, tokens, clock, os.environ, settings.ambient_tenants)

    def alert(tenant: str, fact: ModelListFailed, correlation: str) -> None:
        told = writer.new_fact(fact, tenant=tenant, actor=ACTOR, correlation=correlation)
        writer.append(subjects.ops("alerts"), [told], must=True)

    asking = Asking(upstream, identity, _opening(live, vault), clock, ids)
    discovery = Discovery(asking.models, store, live, alert, clock, ids, settings.discovery_s)

    def on_change(changed: Changed) -> None:
        if changed.aggregate == "credential":
            tokens.forget()
        discovery.changed(changed.aggregate, changed.tenant, changed.id)

    watchers.append(on_change)
    if settings.discovery_s:
        running = asyncio.create_task(discovery.run(), name="discovery")
        opened.push_async_callback(end, {running})
    return ModelLists(discovery, live)


def _opening(live: LiveConfig, vault: Vault) -> Callable[[str, str], str]:
    def secret(tenant: str, identifier: str) -> str:
        spec = live.state_of("credential", tenant, identifier)
        if not isinstance(spec, Credential):
            raise LookupError(identifier)
        return vault.open_secret("credential", tenant, identifier, spec.sealed)

    return secret
