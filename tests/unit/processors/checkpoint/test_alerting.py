"""Which passthroughs are told of: those that are on, of every tenant, and not a moment longer."""

from __future__ import annotations

import msgspec

from processors.checkpoint.alerting import alert, standing
from projections.live.state import LiveState, TenantView
from tests.golden.specs import PASSTHROUGH


def test_only_those_that_are_on_are_told_of() -> None:
    state = LiveState()
    for tenant in ("acme", "globex"):
        view = state.tenants[tenant] = TenantView(tenant)
        view.put("passthrough", "p", msgspec.structs.replace(PASSTHROUGH, id="p", tenant=tenant))
    later = msgspec.structs.replace(PASSTHROUGH, id="q", minutes=480)
    state.tenants["acme"].put("passthrough", "q", later)
    assert [each.id for each in standing(state, PASSTHROUGH.until_us - 1)] == ["p", "q", "p"]
    assert standing(state, PASSTHROUGH.until_us) == [later]
    assert standing(state, later.until_us) == []


def test_an_alert_says_what_why_and_until_when() -> None:
    told = alert(PASSTHROUGH)
    assert (told.bypass, told.reason, told.until_us) == (PASSTHROUGH.bypass, PASSTHROUGH.reason, PASSTHROUGH.until_us)
