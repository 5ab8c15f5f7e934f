"""Where judges sit: a gateway with an account for each kind of provider, and the running of one judge's script."""

from __future__ import annotations

import json
import secrets
import subprocess
from pathlib import Path
from typing import Any

import msgspec

from schemas.aggregates.credential import Credential
from schemas.aggregates.model import Model
from schemas.aggregates.provider import Provider
from schemas.aggregates.route import Route
from schemas.aggregates.tenant import Tenant
from schemas.aggregates.virtual_key import VirtualKey
from tests.integration.gateway.town import PRICES, House, Town
from tests.judges.judging import Verdict, judge
from tests.waiting import until_sync

SCRIPTS = Path(__file__).resolve().parent / "scripts"
RUN_S = 300
"""Bound for one judge."""

# wire: (path of the mock behind which it speaks it, a model's name, the knob that makes it think)
ACCOUNTS = {
    "openai": ("/v1", "gpt-4o"),
    "anthropic": ("/anthropic/v1", "claude-sonnet-4-5"),
    "gemini": ("/gemini/v1beta", "gemini-2.5-flash"),
    "vertex": ("/vertex/v1/projects/p/locations/l", "gemini-2.5-flash"),
    "azure": ("/azure", "gpt-4o"),
    "bedrock": ("/bedrock", "anthropic.claude-sonnet-4-5-v1:0"),
    "cohere": ("/cohere", "command-a-03-2025"),
    "minimax": ("/minimax/v1", "MiniMax-M2"),
    "glm": ("/glm/api/paas/v4", "glm-4.6"),
    "replicate": ("/replicate/v1", "meta/llama-3"),
    "deepseek": ("/deepseek/v1", "deepseek-chat"),
    "moonshot": ("/moonshot/v1", "kimi-k2"),
    "mistral": ("/mistral/v1", "mistral-large"),
    "groq": ("/groq/openai/v1", "gpt-oss"),
    "fireworks": ("/fireworks/inference/v1", "kimi-k2"),
    "together": ("/together/v1", "kimi-k2"),
    "perplexity": ("/perplexity", "sonar"),
    "xai": ("/xai/v1", "grok-4"),
    "huggingface": ("/huggingface/v1", "kimi-k2"),
    "openai_compatible": ("/fireworks/inference/v1", "kimi-k2"),
    "voyage": ("/voyage/v1", "voyage-3"),
}
VECTORS = "vectors-1"
"""A model's name that no SDK knows: they treat some of their own providers' in ways of their own."""
KNOBS = ("", "+calls-2", "+inventory", "+think", "+think+calls-2", "+think+inventory", "+error-429")
TALKERS = tuple(name for name in ACCOUNTS if name != "voyage")


def house(town: Town) -> House:
    """A tenant with one account of each wire, all of them at the town's mock provider."""
    tenant, text = f"t{secrets.token_hex(4)}", "nvk_" + secrets.token_hex(32)
    root = town.mock_url.removesuffix("/v1")
    specs: list[tuple[str, str, Any]] = [("tenant", tenant, Tenant(id=tenant))]
    for wire, (path, name) in ACCOUNTS.items():
        sealed = town.vault.seal_secret("credential", tenant, wire, "provider-secret")
        specs.append(("credential", wire, Credential(id=wire, tenant=tenant, sealed=sealed)))
        account = Provider(id=wire, tenant=tenant, wire=wire, base_url=root + path, credential=wire, region="l")
        specs.append(("provider", wire, account))
        for each in (VECTORS, *(name + knob for knob in KNOBS)):
            model = Model(id=f"{wire}/{each}", tenant=tenant, prices=PRICES)
            specs.append(("model", model.id, model))
    specs.append(("route", "default", Route(id="default", tenant=tenant)))
    key = VirtualKey(id="k1", tenant=tenant, hash=town.vault.hash_key(text), prefix=text[:12])
    town.put(tenant, *specs, ("virtual-key", "k1", key))
    until_sync(lambda: town.get("/v1/models", {"authorization": f"Bearer {text}"})[0] == 200, "the key is in force")
    return House(tenant, text, "k1")


class Orders(msgspec.Struct, frozen=True):
    """What a judge is told; see `scripts/observing.py`."""

    base: str
    key: str
    accounts: dict[str, str]
    prefixed: bool
    think: str = ""
    """The knob for judges of protocols that cannot ask a provider to show its thoughts."""
    embedders: dict[str, str] = {}
    version: str = ""
    features: tuple[str, ...] = ()
    """Those alone; all when empty."""


def sit(command: list[str | Path], orders: Orders) -> list[Verdict]:
    """Runs one judge. A judge that breaks off is no verdict but a failure of its own."""
    ran = subprocess.run(
        [str(each) for each in command],
        input=msgspec.json.encode(orders),
        capture_output=True,
        timeout=RUN_S,
        check=False,
        cwd=SCRIPTS,
    )
    assert ran.returncode == 0, ran.stderr.decode()[-2000:]
    found = [judge(json.loads(line)) for line in ran.stdout.splitlines()]
    assert found, "the judge saw nothing"
    return found


def names_of(accounts: tuple[str, ...]) -> dict[str, str]:
    return {account: ACCOUNTS[account][1] for account in accounts}
