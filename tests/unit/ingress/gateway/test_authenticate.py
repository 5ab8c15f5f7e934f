"""The authenticator: every way in, every way to be refused, and no word of the key in any refusal."""

from __future__ import annotations

import hashlib

import pytest

from ingress.gateway.authenticate import Authenticator, presented_key
from projections.live.state import TenantView
from schemas.aggregates.tenant import Tenant
from schemas.aggregates.virtual_key import VirtualKey
from schemas.errors import Forbidden, NexusError, Unauthenticated

KEY = "nvk_" + "ab" * 32


def hash_key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Configuration:
    def __init__(self, enabled: bool = True, tenant_enabled: bool = True, expires_us: int = 0) -> None:
        view = TenantView("t")
        view.put("tenant", "t", Tenant(id="t", enabled=tenant_enabled))
        self.tenants = {"t": view}
        found = VirtualKey(
            id="k", tenant="t", hash=hash_key(KEY), prefix=KEY[:12], enabled=enabled, expires_us=expires_us
        )
        self.keys_by_hash = {found.hash: found}


def header(**given: str):
    return lambda name: given.get(name.replace("-", "_"), "")


@pytest.mark.parametrize(
    "given",
    [
        {"authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer  {KEY} "},
        {"x_nexus_virtual_key": KEY},
        {"x_nexus_virtual_key": KEY, "authorization": "Bearer nvk_" + "0" * 64},
    ],
)
def test_a_good_key_comes_in_both_ways(given: dict[str, str]) -> None:
    caller = Authenticator(Configuration(), hash_key).identify(header(**given), 0)
    assert (caller.key.id, caller.tenant.id, caller.actor) == ("k", "t", "key:k")


@pytest.mark.parametrize(
    ("configuration", "given", "error", "code"),
    [
        (Configuration(), {}, Unauthenticated, "missing_api_key"),
        (Configuration(), {"authorization": f"Basic {KEY}"}, Unauthenticated, "missing_api_key"),
        (Configuration(), {"authorization": "Bearer sk-other"}, Unauthenticated, "invalid_api_key"),
        (Configuration(), {"authorization": f"Bearer {KEY}0"}, Unauthenticated, "invalid_api_key"),
        (Configuration(), {"authorization": f"Bearer {KEY.upper()}"}, Unauthenticated, "invalid_api_key"),
        (Configuration(enabled=False), {"authorization": f"Bearer {KEY}"}, Unauthenticated, "invalid_api_key"),
        (Configuration(expires_us=5), {"authorization": f"Bearer {KEY}"}, Unauthenticated, "expired_api_key"),
        (Configuration(tenant_enabled=False), {"authorization": f"Bearer {KEY}"}, Forbidden, "tenant_disabled"),
    ],
)
def test_refusals(configuration: Configuration, given: dict[str, str], error: type[NexusError], code: str) -> None:
    with pytest.raises(error) as caught:
        Authenticator(configuration, hash_key).identify(header(**given), 5)
    assert caught.value.error_code == code
    presented = presented_key(header(**given))
    assert not presented or presented not in str(caught.value)
