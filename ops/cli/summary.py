"""A fact in a few words for a line of output. Pure; what it does not know it tells by field names."""

from __future__ import annotations

from typing import Any

import msgspec

from ops.cli.output import money, printable
from schemas.aggregates.catalogue import BY_COLLECTION
from schemas.facts import decisions, ledger, traffic

WIDEST = 160
_SPECS = tuple(decider.spec for decider in BY_COLLECTION.values())


def summary(data: msgspec.Struct | None) -> str:
    """At most `WIDEST` characters, one line, nothing that moves a terminal's cursor."""
    text = "(of a newer version)" if data is None else _words(data)
    text = printable(text)
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def _words(data: msgspec.Struct) -> str:
    match data:
        case traffic.RequestAccepted():
            form = " stream" if data.stream else ""
            return f"{data.operation} {data.model}{form} key={data.key_id} {data.request_bytes} bytes {data.durability}"
        case traffic.RequestScreened():
            by = f" by {data.rule}" if data.rule else ""
            return f"{data.stage}: {data.action}{by}, {len(data.hits)} hits in {data.characters} characters"
        case traffic.RequestRouted():
            skipped = f" skipped {', '.join(data.skipped)}" if data.skipped else ""
            targets = ", ".join(data.targets)
            return f"{data.route} ({data.strategy}): {targets}{skipped} reserved {money(data.reserved_micros)}"
        case traffic.ProviderCalled():
            return (
                f"#{data.attempt} {data.account} {data.model}: {data.outcome} {data.status} in {_ms(data.duration_us)}"
            )
        case traffic.Terminal():
            return _ended(data)
        case decisions.CircuitOpened():
            return f"{data.account} after {data.failures} failures"
        case ledger.SpendRecorded():
            cost = sum(line.cost_micros for line in data.lines)
            requests = sum(line.requests for line in data.lines)
            return f"{requests} requests, {money(cost)}, TRAFFIC {data.from_sequence} to {data.through_sequence}"
        case ledger.ThresholdCrossed():
            spent = f"{money(data.spent_micros)} of {money(data.limit_micros)}"
            return f"{data.budget} in {data.window}: {data.percent} %, {spent}"
    spec = getattr(data, "spec", None)
    return _fields(spec if isinstance(spec, _SPECS) else data)


def _ended(data: traffic.Terminal) -> str:
    parts = [str(data.status or "-"), data.code, f"at {data.stage}" if data.stage else ""]
    parts += [data.model or data.model_requested, f"rule {data.rule}" if data.rule else ""]
    usage = data.usage
    if usage.input_tokens or usage.output_tokens:
        parts.append(f"{usage.input_tokens}+{usage.output_tokens} tokens{' estimated' if usage.estimated else ''}")
    if data.cost_micros:
        parts.append(money(data.cost_micros))
    if data.latency_us:
        parts.append(_ms(data.latency_us))
    return " ".join(part for part in parts if part)


def _fields(data: msgspec.Struct) -> str:
    """Names and values of what is short and set."""
    return " ".join(
        f"{name}={value}" for name in data.__struct_fields__ if _is_short(value := getattr(data, name)) and value != ""
    )


def _is_short(value: Any) -> bool:
    return isinstance(value, str | int | bool) and len(str(value)) <= 64


def _ms(microseconds: int) -> str:
    return f"{microseconds / 1000:,.1f} ms"
