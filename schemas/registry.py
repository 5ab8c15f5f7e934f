"""Every fact that may stand on the log: name, version, shape, stream. What is not here cannot be written."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from schemas.aggregates.catalogue import DECIDERS
from schemas.facts import decisions, ledger, ops, traffic


class FactType(msgspec.Struct, frozen=True):
    name: str
    """`subject.happened.vN`."""
    shape: type[msgspec.Struct]
    stream: str
    also: tuple[str, ...] = ()
    """Other streams it may stand on."""


def _config() -> list[FactType]:
    found = []
    for decider in DECIDERS:
        for shape in decider.facts:
            happened = re.sub(r"(?<!^)(?=[A-Z])", "-", shape.__name__).lower().removeprefix(decider.name + "-")
            found.append(FactType(f"{decider.name}.{happened}.v1", shape, "CONFIG"))
    return found


FACTS: tuple[FactType, ...] = (
    *_config(),
    FactType("request.accepted.v1", traffic.RequestAccepted, "TRAFFIC"),
    # a worker's verdict after the fact (placement `observe`) is the same fact on DECISIONS
    FactType("request.screened.v1", traffic.RequestScreened, "TRAFFIC", ("DECISIONS",)),
    FactType("hook.decided.v1", traffic.HooksDecided, "TRAFFIC"),
    FactType("redactions.kept.v1", traffic.RedactionsKept, "TRAFFIC"),
    FactType("request.bypassed.v1", traffic.RequestBypassed, "TRAFFIC"),
    FactType("request.routed.v1", traffic.RequestRouted, "TRAFFIC"),
    FactType("provider.called.v1", traffic.ProviderCalled, "TRAFFIC"),
    FactType("request.completed.v1", traffic.RequestCompleted, "TRAFFIC"),
    FactType("request.refused.v1", traffic.RequestRefused, "TRAFFIC"),
    FactType("request.aborted.v1", traffic.RequestAborted, "TRAFFIC"),
    FactType("request.abandoned.v1", traffic.RequestAbandoned, "TRAFFIC"),
    FactType("writer.beat.v1", traffic.WriterBeat, "TRAFFIC"),
    FactType("writer.closed.v1", traffic.WriterClosed, "TRAFFIC"),
    FactType("circuit.opened.v1", decisions.CircuitOpened, "DECISIONS"),
    FactType("circuit.closed.v1", decisions.CircuitClosed, "DECISIONS"),
    FactType("health.observed.v1", decisions.HealthObserved, "DECISIONS"),
    FactType("spend.recorded.v1", ledger.SpendRecorded, "LEDGER"),
    FactType("threshold.crossed.v1", ledger.ThresholdCrossed, "LEDGER"),
    FactType("projection.rebuilt.v1", ops.ProjectionRebuilt, "OPS"),
    FactType("operator.acted.v1", ops.OperatorActed, "OPS"),
    FactType("reader.checkpointed.v1", ops.ReaderCheckpointed, "OPS"),
    FactType("subject.erased.v1", ops.SubjectErased, "OPS"),
    FactType("retention.applied.v1", ops.RetentionApplied, "OPS"),
    FactType("model-list.failed.v1", ops.ModelListFailed, "OPS"),
    FactType("passthrough.stood.v1", ops.PassthroughStood, "OPS"),
    FactType("switch.turned.v1", ops.SwitchTurned, "TRAFFIC"),
    FactType("master-key.rotated.v1", ops.MasterKeyRotated, "OPS"),
    FactType("signing-key.rotated.v1", ops.SigningKeyRotated, "OPS"),
    FactType("signing-key.announced.v1", ops.SigningKeyAnnounced, "TRAFFIC"),
    FactType("log.checkpointed.v1", ops.LogCheckpointed, "OPS"),
    FactType("checkpoint.announced.v1", ops.CheckpointAnnounced, "TRAFFIC"),
)

BY_NAME: dict[str, FactType] = {entry.name: entry for entry in FACTS}
NAME_OF: dict[type[msgspec.Struct], str] = {entry.shape: entry.name for entry in FACTS}
"""The newest name of each shape, which is the one written."""

Upcast = Callable[[Any], msgspec.Struct]
UPCASTS: dict[str, tuple[type[msgspec.Struct], Upcast]] = {}
"""Old name to its old shape and the function that turns it into today's; chained until a name of `BY_NAME`."""
