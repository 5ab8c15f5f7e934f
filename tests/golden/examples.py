"""One plausible instance of every fact's struct, each field set to something else than its default."""

from __future__ import annotations

import hashlib

import msgspec

from schemas.aggregates.budget import Budget, BudgetChanged, BudgetCreated, BudgetRemoved
from schemas.aggregates.credential import (
    Credential,
    CredentialChanged,
    CredentialCreated,
    CredentialRemoved,
    SealedSecret,
)
from schemas.aggregates.header_rules import HeaderRule
from schemas.aggregates.hold import Hold, HoldChanged, HoldCreated, HoldRemoved
from schemas.aggregates.kill import Kill, KillChanged, KillCreated, KillRemoved
from schemas.aggregates.model import Model, ModelChanged, ModelCreated, ModelRemoved, Prices
from schemas.aggregates.model_list import (
    Listed,
    ModelList,
    ModelListChanged,
    ModelListCreated,
    ModelListRemoved,
)
from schemas.aggregates.pack import Pack, PackChanged, PackCreated, PackRemoved
from schemas.aggregates.passthrough import (
    Passthrough,
    PassthroughChanged,
    PassthroughCreated,
    PassthroughRemoved,
)
from schemas.aggregates.policy import Policy, PolicyChanged, PolicyCreated, PolicyRemoved
from schemas.aggregates.provider import (
    Provider,
    ProviderChanged,
    ProviderCreated,
    ProviderRemoved,
    Rename,
    Retry,
)
from schemas.aggregates.retention import Retention, RetentionChanged, RetentionCreated, RetentionRemoved
from schemas.aggregates.route import Route, RouteChanged, RouteCreated, RouteRemoved, Target
from schemas.aggregates.rule import CustomRule, RuleChanged, RuleCreated, RuleRemoved
from schemas.aggregates.siem_target import SiemTarget, SiemTargetChanged, SiemTargetCreated, SiemTargetRemoved
from schemas.aggregates.tenant import Tenant, TenantChanged, TenantCreated, TenantRemoved
from schemas.aggregates.virtual_key import VirtualKey, VirtualKeyChanged, VirtualKeyIssued, VirtualKeyRevoked
from schemas.facts import decisions, ledger, ops, traffic
from schemas.hooks.hook import Hook, HookOptions
from schemas.screening.model import Hit

REASON = "replaced by the new account"
SECRET = SealedSecret(key="m1", nonce=b"twelve bytes", ciphertext=b"not a secret, only its shape")
BODY = traffic.SealedBody(
    subject="sub_0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    key="d1",
    nonce=b"another one.",
    ciphertext=b"sealed bytes and their tag",
    sha256=hashlib.sha256(b"sealed bytes and their tag").digest(),
    size=10,
)
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

_HANDOVER = ops.SigningKeyRotated(
    bytes(range(32)), bytes(range(32, 64)), 1_795_219_200_000_000, bytes(range(64)), bytes(range(64, 128))
)
_SUMMARY = traffic.Terminal(
    key_id="key-1a2b3c4d5e6f",
    key_prefix="nvk_01234567",
    subject="sub_0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    operation="chat.completions",
    model_requested="gpt-4o",
    account="east",
    model="east/gpt-4o",
    route="chat",
    stream=True,
    stage="call",
    status=200,
    code="upstream_error",
    rule="pii.email",
    action="flag",
    attempts=2,
    usage=traffic.Usage(
        input_tokens=120,
        output_tokens=48,
        cached_tokens=64,
        reasoning_tokens=16,
        estimated=True,
        cache_write_tokens=12,
        audio_input_tokens=8,
        audio_output_tokens=4,
        image_tokens=6,
    ),
    cost_micros=700,
    reserved_micros=41_500,
    budgets=("november",),
    started_us=1_795_000_000_000_000,
    latency_us=812_345,
    first_byte_us=201_002,
    request_bytes=512,
    response_bytes=2_048,
    finish_reason="stop",
    accepted_sequence=41,
    writer="gateway-1",
    boot="0d4c7b1e",
    body=BODY,
    cache="miss",
)


def _ended(shape: type[traffic.Terminal]) -> traffic.Terminal:
    return shape(**{name: getattr(_SUMMARY, name) for name in _SUMMARY.__struct_fields__})


EXAMPLES: tuple[msgspec.Struct, ...] = (
    *(TenantCreated(TENANT), TenantChanged(TENANT), TenantRemoved(REASON)),
    *(CredentialCreated(CREDENTIAL), CredentialChanged(CREDENTIAL), CredentialRemoved(REASON)),
    *(ProviderCreated(PROVIDER), ProviderChanged(PROVIDER), ProviderRemoved(REASON)),
    *(ModelCreated(MODEL), ModelChanged(MODEL), ModelRemoved(REASON)),
    *(ModelListCreated(MODEL_LIST), ModelListChanged(MODEL_LIST), ModelListRemoved(REASON)),
    *(VirtualKeyIssued(KEY), VirtualKeyChanged(KEY), VirtualKeyRevoked(REASON)),
    *(PolicyCreated(POLICY), PolicyChanged(POLICY), PolicyRemoved(REASON)),
    *(RuleCreated(RULE), RuleChanged(RULE), RuleRemoved(REASON)),
    *(PackCreated(PACK), PackChanged(PACK), PackRemoved(REASON)),
    *(RouteCreated(ROUTE), RouteChanged(ROUTE), RouteRemoved(REASON)),
    *(BudgetCreated(BUDGET), BudgetChanged(BUDGET), BudgetRemoved(REASON)),
    *(SiemTargetCreated(SIEM_TARGET), SiemTargetChanged(SIEM_TARGET), SiemTargetRemoved(REASON)),
    *(HoldCreated(HOLD), HoldChanged(HOLD), HoldRemoved(REASON)),
    *(KillCreated(KILL), KillChanged(KILL), KillRemoved(REASON)),
    *(PassthroughCreated(PASSTHROUGH), PassthroughChanged(PASSTHROUGH), PassthroughRemoved(REASON)),
    ops.SwitchTurned(
        kind="passthrough",
        id="scanner-down",
        happened="created",
        by="admin:root",
        config_sequence=41,
        scope="provider",
        target="east",
        bypass=("hooks", "normalize"),
        reason="the rules of last night block every order",
        until_us=1_795_005_400_000_000,
    ),
    *(RetentionCreated(RETENTION), RetentionChanged(RETENTION), RetentionRemoved(REASON)),
    traffic.RequestAccepted(
        key_id="key-1a2b3c4d5e6f",
        key_prefix="nvk_01234567",
        subject="sub_0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        operation="chat.completions",
        model="gpt-4o",
        stream=True,
        request_bytes=512,
        durability="strict",
        config_sequence=17,
        body=BODY,
    ),
    traffic.RequestScreened(
        stage="request",
        action="redact",
        rule="pii.email",
        pack="baseline-1",
        hits=(Hit("pii.email", "redact", 0, 12, 29, "hard"), Hit("pii.phone", "flag", 1, 3, 15, "warn")),
        characters=420,
        allowed=2,
    ),
    traffic.HooksDecided(
        stage="request",
        action="block",
        hook="no-projects",
        decisions=(
            traffic.HookDecided(
                hook="no-projects",
                kind="keyword_filter",
                decision="reject",
                action="block",
                reason="1 of the listed words",
                rule="tool.denied",
                spans=(traffic.Span(1, 12, 26),),
                microseconds=41,
                label="confidential",
            ),
        ),
        microseconds=60,
    ),
    traffic.RedactionsKept(count=3, body=BODY),
    traffic.RequestBypassed(bypass=("cache", "hooks"), passthroughs=("scanner-down",)),
    traffic.RequestRouted(
        route="chat",
        strategy="fallback",
        targets=("west/gpt-4o",),
        skipped=("east/gpt-4o",),
        reserved_micros=41_500,
        budgets=("november",),
    ),
    traffic.ProviderCalled(
        attempt=2,
        account="east",
        model="east/gpt-4o",
        outcome="status",
        status=503,
        first_byte_us=201_002,
        duration_us=812_000,
    ),
    _ended(traffic.RequestCompleted),
    _ended(traffic.RequestRefused),
    _ended(traffic.RequestAborted),
    _ended(traffic.RequestAbandoned),
    traffic.WriterBeat(open_requests=3, admitted=1_024, exact=False),
    traffic.WriterClosed(admitted=2_048),
    decisions.CircuitOpened(account="east", failures=5, until_us=1_795_000_030_000_000),
    decisions.CircuitClosed(account="east"),
    decisions.HealthObserved(account="east", window_us=10_000_000, calls=250, failures=3, latency_us_mean=640_000),
    ledger.SpendRecorded(
        from_sequence=41,
        through_sequence=97,
        lines=(
            ledger.SpendLine(
                key_id="key-1a2b3c4d5e6f",
                account="east",
                model="east/gpt-4o",
                day="2026-11-20",
                requests=12,
                input_tokens=1_440,
                output_tokens=576,
                cost_micros=8_400,
            ),
        ),
        settled=(ledger.Settled(boot="gateway-1/0d4c7b1e", budget="november", day="2026-11-20", cost_micros=8_400),),
        partition=1,
        chains=(ledger.Recorded(chain="gateway-1/0d4c7b1e", number=4_711),),
    ),
    ledger.ThresholdCrossed(
        budget="november", window="2026-11-20", percent=75, spent_micros=18_750_001, limit_micros=25_000_000
    ),
    ops.ProjectionRebuilt(projection="postgres", version=2, through_sequence=97, rows=1_024, duration_us=2_500_000),
    ops.OperatorActed(action="rebuild", detail="postgres"),
    ops.ReaderCheckpointed(reader="reconcile", stream="TRAFFIC", sequence=4_711),
    ops.SubjectErased(
        subject="sub_0f1e2d3c4b5a69788796a5b4c3d2e1f0", reason="asked for in ticket 12", keys=1, objects=2
    ),
    ops.RetentionApplied(
        removed=(
            ops.Removed("bodies", count=12, before_us=1_792_368_000_000_000, held=1),
            ops.Removed("rows", count=4_096, before_us=1_787_184_000_000_000),
        ),
        duration_us=250_000,
    ),
    ops.ModelListFailed(account="east", reason="status 401", models=2),
    ops.PassthroughStood(
        passthrough="scanner-down",
        bypass=("hooks", "normalize"),
        scope="provider",
        target="east",
        reason="the rules of last night block every order",
        until_us=1_795_005_400_000_000,
    ),
    ops.MasterKeyRotated(old="0c650974", new="a1b2c3d4", data_keys=1_024, left=0, overwritten=True),
    _HANDOVER,
    ops.SigningKeyAnnounced(handover=_HANDOVER),
    ops.LogCheckpointed(
        number=12,
        time_us=1_795_000_060_000_000,
        previous=bytes(range(32)),
        ranges=(ops.StreamRange("TRAFFIC", after=41, through=97, messages=56, root=b"r" * 32),),
        heads=(ops.ChainHead("TRAFFIC", "gateway-1/0d4c7b1e", number=55, hash=b"h" * 32, sequence=97),),
        root=b"R" * 32,
        public_key=b"k" * 32,
        signature=b"s" * 64,
    ),
    ops.CheckpointAnnounced(
        number=12,
        time_us=1_795_000_060_000_000,
        leaves=3,
        root=b"R" * 32,
        public_key=b"k" * 32,
        signature=b"s" * 64,
    ),
)
