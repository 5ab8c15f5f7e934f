"""One plausible instance of every fact, each field set to something else than its default. Aggregates: `specs`."""

from __future__ import annotations

import hashlib

import msgspec

from schemas.aggregates.budget import BudgetChanged, BudgetCreated, BudgetRemoved
from schemas.aggregates.credential import CredentialChanged, CredentialCreated, CredentialRemoved
from schemas.aggregates.hold import HoldChanged, HoldCreated, HoldRemoved
from schemas.aggregates.kill import KillChanged, KillCreated, KillRemoved
from schemas.aggregates.model import ModelChanged, ModelCreated, ModelRemoved
from schemas.aggregates.model_list import ModelListChanged, ModelListCreated, ModelListRemoved
from schemas.aggregates.pack import PackChanged, PackCreated, PackRemoved
from schemas.aggregates.passthrough import PassthroughChanged, PassthroughCreated, PassthroughRemoved
from schemas.aggregates.policy import PolicyChanged, PolicyCreated, PolicyRemoved
from schemas.aggregates.provider import ProviderChanged, ProviderCreated, ProviderRemoved
from schemas.aggregates.retention import RetentionChanged, RetentionCreated, RetentionRemoved
from schemas.aggregates.route import RouteChanged, RouteCreated, RouteRemoved
from schemas.aggregates.rule import RuleChanged, RuleCreated, RuleRemoved
from schemas.aggregates.siem_target import SiemTargetChanged, SiemTargetCreated, SiemTargetRemoved
from schemas.aggregates.tenant import TenantChanged, TenantCreated, TenantRemoved
from schemas.aggregates.virtual_key import VirtualKeyChanged, VirtualKeyIssued, VirtualKeyRevoked
from schemas.facts import decisions, ledger, ops, traffic
from schemas.screening.model import Hit
from tests.golden.specs import (
    BUDGET,
    CREDENTIAL,
    HOLD,
    KEY,
    KILL,
    MODEL,
    MODEL_LIST,
    PACK,
    PASSTHROUGH,
    POLICY,
    PROVIDER,
    RETENTION,
    ROUTE,
    RULE,
    SIEM_TARGET,
    TENANT,
)

REASON = "replaced by the new account"
BODY = traffic.SealedBody(
    subject="sub_0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    key="d1",
    nonce=b"another one.",
    ciphertext=b"sealed bytes and their tag",
    sha256=hashlib.sha256(b"sealed bytes and their tag").digest(),
    size=10,
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
    traffic.WriterBeat(open_requests=3, admitted=1_024, exact=False, yields=True),
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
