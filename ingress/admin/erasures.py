"""The command that erases a data subject. Who is meant is worked out here; what is done to the stores is elsewhere."""

from __future__ import annotations

from typing import Protocol

import msgspec

from ingress.admin.bodies import fit, parse_object
from ingress.admin.call import Answer, Call
from ingress.admin.config_queries import VersionedView
from ingress.admin.data_subjects import Naming, check_reason, subject_of
from ingress.admin.references import check_tenant
from ingress.admin.tenancy import resolve_tenant
from ingress.admin.wire import Endpoint
from projections.erasure import Erased
from schemas.aggregates.hold import EVERYONE
from schemas.envelope import Position
from schemas.errors import InvalidRequest


class Erasing(Protocol):
    """What does the work."""

    async def erase(self, tenant: str, subject: str, reason: str, *, actor: str, correlation: str) -> Erased: ...


class ErasureInput(msgspec.Struct, frozen=True):
    """Who is to be erased, and why."""

    subject: str
    """The `user` that applications sent, else the owner or the id of the virtual key; or a pseudonym (`sub_…`)."""
    reason: str
    tenant: str = ""
    """May be left out while there is one only."""


class ErasureAnswer(msgspec.Struct, frozen=True):
    """What was erased."""

    tenant: str
    subject: str
    """The pseudonym, whatever was sent."""
    reason: str
    keys: int
    """Data keys that there were: 0 when nothing was kept of the subject, or it was erased before."""
    objects: int
    """Large bodies taken out of the object store."""
    position: str
    """Place of the fact on the log, `OPS:SEQUENCE`."""


class Erasures:
    """Erasing, for one admin plane."""

    def __init__(self, eraser: Erasing, vault: Naming, view: VersionedView) -> None:
        self._eraser = eraser
        self._vault = vault
        self._view = view

    async def create(self, call: Call) -> Answer:
        """POST /erasures: answers when it is done and on the log."""
        given = fit(parse_object(call.body), ErasureInput)
        tenant = resolve_tenant(call.principal, self._view, given.tenant)
        if self._view.version_of("tenant", tenant, tenant) == (0, 0):
            # of a tenant that was removed there may still be bodies; one that never was is a mistake
            check_tenant("erasures", tenant, self._view)
        if given.subject == EVERYONE:
            raise InvalidRequest("subject must name one data subject; * is for holds", param="subject")
        subject = subject_of(self._vault, tenant, given.subject)
        check_reason(self._vault, tenant, given.reason, given.subject)
        done = await self._eraser.erase(
            tenant, subject, given.reason, actor=call.principal.actor, correlation=call.request_id
        )
        position = str(Position("OPS", done.sequence))
        return Answer(body=ErasureAnswer(tenant, subject, done.reason, done.keys, done.objects, position))

    def endpoints(self) -> list[Endpoint]:
        """What is served of it."""
        return [
            Endpoint(
                method="POST",
                path="/api/admin/erasures",
                handle=self.create,
                summary="Erase a data subject: no body of theirs can be opened any more, in no copy",
                tag="erasures",
                body=ErasureInput,
                answer=ErasureAnswer,
                errors=(403, 409, 413, 415),
            )
        ]
