"""Who may erase whom, and what the eraser is asked. The erasing itself is in the integration tests."""

from __future__ import annotations

from typing import Any

import pytest

from ingress.admin.erasures import Erasures
from projections.erasure import Erased, OnHold
from tests.unit.ingress.admin.plane import KEY, SCOPED_KEY, MemoryLog, Plane, ReversibleVault, View

PATH = "/api/admin/erasures"
PSEUDONYM = "sub_" + "a" * 32


class Eraser:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str, str, str]] = []
        self.failure: Exception | None = None

    async def erase(self, tenant: str, subject: str, reason: str, *, actor: str, correlation: str) -> Erased:
        if self.failure is not None:
            raise self.failure
        self.asked.append((tenant, subject, reason, actor, correlation))
        return Erased(tenant, subject, reason, 1, 2, 7)


@pytest.fixture
def eraser() -> Eraser:
    return Eraser()


@pytest.fixture
async def plane(eraser: Eraser) -> Plane:
    log = MemoryLog()
    made = await Plane(Erasures(eraser, ReversibleVault(), View(log)).endpoints(), log=log).start()
    await made.given(("tenants", {"id": "acme"}), ("tenants", {"id": "beta"}))
    return made


async def test_the_user_becomes_a_pseudonym_of_its_tenant(plane: Plane, eraser: Eraser) -> None:
    for tenant in ("acme", "beta"):
        reply = await plane.call("POST", PATH, {"subject": "alice", "reason": "asked for", "tenant": tenant})
        pseudonym = plane.vault.pseudonym(tenant, "alice")
        assert reply.status == 200
        assert reply.json == {
            "tenant": tenant,
            "subject": pseudonym,
            "reason": "asked for",
            "keys": 1,
            "objects": 2,
            "position": "OPS:7",
        }
        assert eraser.asked.pop() == (
            *(tenant, pseudonym, "asked for", "admin:root"),
            reply.headers["x-nexus-request-id"],
        )


async def test_a_pseudonym_is_taken_as_it_is(plane: Plane, eraser: Eraser) -> None:
    reply = await plane.call("POST", PATH, {"subject": PSEUDONYM, "reason": f"{PSEUDONYM} asked", "tenant": "acme"})
    assert reply.status == 200
    assert eraser.asked[0][1] == PSEUDONYM


async def test_a_reason_does_not_say_who_a_pseudonym_is(plane: Plane, eraser: Eraser) -> None:
    pseudonym = plane.vault.pseudonym("acme", "alice smith")
    body = {"subject": pseudonym, "reason": "as (Alice Smith) asked", "tenant": "acme"}
    assert ((await plane.call("POST", PATH, body)).status, eraser.asked) == (400, [])


@pytest.mark.parametrize(
    ("key", "body", "status"),
    [
        (None, {"subject": "alice", "reason": "asked for", "tenant": "acme"}, 401),
        (SCOPED_KEY, {"subject": "alice", "reason": "asked for", "tenant": "beta"}, 403),
        (KEY, {"subject": "alice", "reason": "asked for"}, 400),
        (KEY, {"subject": "alice", "reason": "asked for", "tenant": "gamma"}, 400),
        (KEY, {"subject": "alice", "tenant": "acme"}, 400),
        (KEY, {"subject": "alice", "reason": "Alice asked", "tenant": "acme"}, 400),
        (KEY, {"subject": "*", "reason": "all of them", "tenant": "acme"}, 400),
        (KEY, {"subject": "a" * 4_097, "reason": "asked for", "tenant": "acme"}, 400),
        (KEY, {"subject": ["alice"], "reason": "asked for", "tenant": "acme"}, 400),
    ],
)
async def test_what_is_refused_reaches_nobody(
    key: str | None, body: dict[str, Any], status: int, plane: Plane, eraser: Eraser
) -> None:
    reply = await plane.call("POST", PATH, body, key=key)
    assert (reply.status, eraser.asked) == (status, [])
    assert "alice" not in reply.error["message"]


async def test_an_administrator_of_the_tenant_may(plane: Plane, eraser: Eraser) -> None:
    reply = await plane.call("POST", PATH, {"subject": "alice", "reason": "asked for"}, key=SCOPED_KEY)
    assert (reply.status, eraser.asked[0][0], eraser.asked[0][3]) == (200, "acme", "admin:ann")


async def test_bodies_of_a_tenant_that_is_gone_can_still_be_erased(plane: Plane, eraser: Eraser) -> None:
    assert (await plane.call("DELETE", "/api/admin/tenants/beta")).status == 204
    reply = await plane.call("POST", PATH, {"subject": "alice", "reason": "asked for", "tenant": "beta"})
    assert (reply.status, eraser.asked[0][0]) == (200, "beta")


async def test_a_hold_is_a_conflict_by_name(plane: Plane, eraser: Eraser) -> None:
    eraser.failure = OnHold("A legal hold is in force.")
    reply = await plane.call("POST", PATH, {"subject": "alice", "reason": "asked for", "tenant": "acme"})
    assert (reply.status, reply.error["code"]) == (409, "legal_hold")
