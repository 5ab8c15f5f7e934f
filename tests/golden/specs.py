"""One plausible instance of every aggregate's spec, each field set to something else than its default."""

from __future__ import annotations

from schemas.aggregates.budget import Budget
from schemas.aggregates.credential import Credential, SealedSecret
from schemas.aggregates.header_rules import HeaderRule
from schemas.aggregates.hold import Hold
from schemas.aggregates.kill import Kill
from schemas.aggregates.model import Model, Prices
from schemas.aggregates.model_list import Listed, ModelList
from schemas.aggregates.pack import Pack
from schemas.aggregates.passthrough import Passthrough
from schemas.aggregates.policy import Policy
from schemas.aggregates.provider import Provider, Rename, Retry
from schemas.aggregates.retention import Retention
from schemas.aggregates.route import Route, Target
from schemas.aggregates.rule import CustomRule
from schemas.aggregates.siem_target import SiemTarget
from schemas.aggregates.tenant import Tenant
from schemas.aggregates.virtual_key import VirtualKey
from schemas.hooks.hook import Hook, HookOptions

SECRET = SealedSecret(key="m1", nonce=b"twelve bytes", ciphertext=b"not a secret, only its shape")
TENANT = Tenant(id="acme-labs", name="Acme Labs", parent="acme", enabled=False)
CREDENTIAL = Credential(id="main", tenant="acme", sealed=SECRET, description="rotated in November")
RETENTION = Retention(id="standard", tenant="system", bodies_days=30, rows_days=90, findings_days=365, facts_days=400)
HEADER_RULE = HeaderRule(action="forward", name="x-team", pattern="x-team-.*", value="none", to="x-department")
PROVIDER = Provider(
    id="east",
    tenant="acme",
    wire="openai",
    base_url="https://api.example.com/v1",
    credential="main",
    region="eu-west-1",
    project="acme-prod",
    api_version="2024-10-21",
    connect_timeout_ms=2_000,
    first_byte_timeout_ms=20_000,
    idle_timeout_ms=10_000,
    total_timeout_ms=120_000,
    max_connections=64,
    http2=True,
    ca_pem="-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    enabled=False,
    forward_token=True,
    model_filter="gpt-.*",
    renames=(Rename(name="gpt-4o", upstream="our-gpt-4o"),),
    header_rules=(HEADER_RULE,),
    client_cert_pem="-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\n",
    client_key="east-key",
    proxy_url="http://proxy.example.com:3128",
    retry=Retry(attempts=2, backoff_ms=100, max_backoff_ms=1_000, statuses=(429, 503)),
    discover=False,
)
PRICES = Prices(
    input=2_500_000,
    output=10_000_000,
    cached_input=1_250_000,
    cache_write=3_125_000,
    reasoning=11_000_000,
    audio_input=40_000_000,
    audio_output=80_000_000,
    image=5_000_000,
    request=1_000,
)
MODEL = Model(
    id="east/gpt-4o",
    tenant="acme",
    upstream="gpt-4o-2024-11-20",
    prices=PRICES,
    context_tokens=64_000,
    max_output_tokens=4_096,
    enabled=False,
    header_rules=(HEADER_RULE,),
)
MODEL_LIST = ModelList(
    id="east",
    tenant="acme",
    wire="openai",
    models=(
        Listed(
            name="gpt-4o",
            context_tokens=128_000,
            max_output_tokens=16_384,
            prices=PRICES,
            prices_from="a page, 2025-09-01",
        ),
    ),
    left_out=3,
    at_us=1_795_000_000_000_000,
    failed="status 401",
)
KEY = VirtualKey(
    id="key-1a2b3c4d5e6f",
    tenant="acme",
    hash="ab" * 32,
    prefix="nvk_01234567",
    name="billing service",
    owner="billing",
    models=("gpt-4o*", "east/gpt-4o"),
    requests_per_minute=600,
    expires_us=1_798_761_600_000_000,
    enabled=False,
)
EVERY_OPTION = Hook(
    id="everything",
    kind="webhook_forward",
    stage="response",
    priority=5,
    fail="open",
    timeout_ms=2_500,
    routes=("chat",),
    tenants=("acme",),
    cap="redact",
    soft=True,
    options=HookOptions(
        action="flag",
        words=("project falcon",),
        whole_words=False,
        case_sensitive=True,
        rules=("secrets", "email"),
        at_least=2,
        labels={"restricted": ("secrets",)},
        allowed={"restricted": ("region:eu-*",)},
        per_minute=60,
        by="tenant",
        max_bytes=65_536,
        max_characters=20_000,
        max_messages=40,
        min_characters=2,
        json=True,
        max_repeats=9,
        allow=("10.0.0.0/8",),
        deny=("10.9.0.0/16",),
        url="https://hooks.example.com/judge",
        credential="main",
        private=True,
        model="guard/llama-guard",
        api="moderations",
        categories=("S1",),
    ),
    enabled=False,
)
"""No hook has all of these: it is here for its shape."""
POLICY = Policy(
    id="strict",
    tenant="acme",
    screen_requests=False,
    screen_responses=False,
    overrides={"pii.email": "redact"},
    disabled=("pii.phone",),
    hooks=(EVERY_OPTION,),
    reversible=True,
    stream="hold",
    allowed=("ab" * 32,),
    normalize=False,
    severities={"pii.email": "hard"},
)
RULE = CustomRule(
    id="secret.acme-badge",
    tenant="acme",
    title="Number of an employee's badge",
    severity="hard",
    action="redact",
    directions=("request",),
    patterns=("ACME-[0-9]{6}",),
    flags="caseless",
    boundary="A-Za-z0-9",
    extend_left="A-Z",
    extend_right="0-9",
    extend_until="0",
    extend_limit=8,
    validator="entropy:1.5",
    keywords=("badge",),
    also=("number",),
    keyword_window=40,
    hits=("badge number ACME-104729",),
    misses=("badge number ACME-10472",),
    source="the handbook of the front desk",
    enabled=False,
)
PACK = Pack(
    id="built-in-2eccf1a0",
    tenant="system",
    version="a39b38c7b0f91e6633f41ef9b55f574e",
    rules=478,
    size=5_056_464,
    sha256="cd" * 32,
    platform="hyperscan 0.8.2 (Version: 5.4.12 Features: AVX2 Mode: BLOCK)",
)
ROUTE = Route(
    id="chat",
    tenant="acme",
    models=("gpt-4o*",),
    priority=10,
    strategy="fallback",
    targets=(Target("east", "gpt-4o"), Target("west")),
    max_attempts=2,
    durability="strict",
    on_log_failure="spool",
    placement="observe",
    policy="strict",
    capture=False,
    enabled=False,
    strict=True,
)
BUDGET = Budget(
    id="november",
    tenant="acme",
    scope="key",
    target="key-1a2b3c4d5e6f",
    window="day",
    limit_micros=25_000_000,
    thresholds=(75, 90),
    enabled=False,
)
SIEM_TARGET = SiemTarget(
    id="soc",
    tenant="system",
    kind="http",
    file="events.ndjson",
    url="https://siem.example.com/ingest",
    token=SECRET,
    all_tenants=True,
    enabled=False,
)
HOLD = Hold(id="case-7", tenant="acme", subject="sub_0f1e2d3c4b5a69788796a5b4c3d2e1f0", reason="evidence in a lawsuit")

KILL = Kill(id="leak", tenant="acme", scope="route", target="chat", reason="the assistant tells what it must not")
PASSTHROUGH = Passthrough(
    id="scanner-down",
    tenant="acme",
    bypass=("hooks", "normalize"),
    scope="provider",
    target="east",
    reason="the rules of last night block every order",
    minutes=90,
    since_us=1_795_000_000_000_000,
)
