"""A fact in a few words for a line of output. Pure; what it does not know it tells by field names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ops.cli.output import money, printable

WIDEST = 160
SHORT = 64
Data = Mapping[str, Any]
"""A fact's data by field name, as `schemas.codec.fact_view` and the admin plane tell it."""


def summary(type_name: str, data: Data | None) -> str:
    """At most `WIDEST` characters, one line, nothing that moves a terminal's cursor.

    Args:
        type_name: name and version of the fact; only the name counts, fields are never taken away.
        data: None when the bytes are damaged.
    """
    if data is None:
        return "(damaged)"
    if "undecoded" in data:
        return "(of a newer version)"
    words = _WORDS.get(type_name.rpartition(".")[0], _fields)
    text = printable(" ".join(words(data).split()))
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def _accepted(data: Data) -> str:
    form = "stream" if data["stream"] else ""
    who = f"key={data['key_id']} {data['request_bytes']} bytes {data['durability']}"
    return f"{data['operation']} {data['model']} {form} {who}"


def _screened(data: Data) -> str:
    by = f" by {data['rule']}" if data["rule"] else ""
    return f"{data['stage']}: {data['action']}{by}, {len(data['hits'])} hits in {data['characters']} characters"


def _bypassed(data: Data) -> str:
    return f"around {', '.join(data['bypass'])} by {', '.join(data['passthroughs'])}"


def _stood(data: Data) -> str:
    return f"{data['passthrough']} still goes around {', '.join(data['bypass'])}: {data['reason']}"


def _hooked(data: Data) -> str:
    by = f" by {data['hook']}" if data["hook"] else ""
    asked = ", ".join(f"{one['hook']} {one['decision']}" for one in data["decisions"])
    return f"{data['stage']}: {data['action']}{by} ({asked}) in {milliseconds(data['microseconds'])}"


def _redacted(data: Data) -> str:
    return f"{data['count']} originals kept for the answer"


def _routed(data: Data) -> str:
    skipped = f"skipped {', '.join(data['skipped'])}" if data["skipped"] else ""
    targets = ", ".join(data["targets"])
    return f"{data['route']} ({data['strategy']}): {targets} {skipped} reserved {money(data['reserved_micros'])}"


def _called(data: Data) -> str:
    end = f"{data['outcome']} {data['status'] or ''}"
    return f"#{data['attempt']} {data['account']} {data['model']}: {end} in {milliseconds(data['duration_us'])}"


def _ended(data: Data) -> str:
    usage = data["usage"]
    parts = [str(data["status"] or "-"), data["code"], f"at {data['stage']}" if data["stage"] else ""]
    parts += [data["model"] or data["model_requested"], f"rule {data['rule']}" if data["rule"] else ""]
    if usage["input_tokens"] or usage["output_tokens"]:
        estimated = "estimated" if usage["estimated"] else ""
        parts.append(f"{usage['input_tokens']}+{usage['output_tokens']} tokens {estimated}")
    parts.append(money(data["cost_micros"]) if data["cost_micros"] else "")
    parts.append(milliseconds(data["latency_us"]) if data["latency_us"] else "")
    return " ".join(parts)


def _spent(data: Data) -> str:
    cost = sum(line["cost_micros"] for line in data["lines"])
    requests = sum(line["requests"] for line in data["lines"])
    return f"{requests} requests, {money(cost)}, TRAFFIC {data['from_sequence']} to {data['through_sequence']}"


def _crossed(data: Data) -> str:
    spent = f"{money(data['spent_micros'])} of {money(data['limit_micros'])}"
    return f"{data['budget']} in {data['window']}: {data['percent']} %, {spent}"


def _acted(data: Data) -> str:
    return f"{data['action']}: {data['detail']}"


def _checkpointed(data: Data) -> str:
    reached = ", ".join(f"{part['stream']}:{part['through']}" for part in data["ranges"] if part["messages"])
    return (
        f"#{data['number']} root {data['root']} through {reached or 'nothing new'}, {len(data['heads'])} chains moved"
    )


def _announced(data: Data) -> str:
    return f"#{data['number']} root {data['root']}"


def _handed_over(data: Data) -> str:
    return _fields(data["handover"])


def _fields(data: Data) -> str:
    """Names and values of what is short and set; of a configuration fact those of its spec."""
    spec = data.get("spec")
    told = spec if isinstance(spec, Mapping) else data
    # the hash of a key is nothing to read
    return " ".join(f"{name}={value}" for name, value in told.items() if name != "hash" and _is_short(value))


def _is_short(value: Any) -> bool:
    return isinstance(value, str | int) and value != "" and len(str(value)) <= SHORT


def milliseconds(microseconds: int) -> str:
    """A span for people."""
    return f"{microseconds / 1000:,.1f} ms"


_WORDS: dict[str, Callable[[Data], str]] = {
    "request.accepted": _accepted,
    "request.screened": _screened,
    "request.bypassed": _bypassed,
    "hook.decided": _hooked,
    "redactions.kept": _redacted,
    "request.routed": _routed,
    "provider.called": _called,
    "request.completed": _ended,
    "request.refused": _ended,
    "request.aborted": _ended,
    "request.abandoned": _ended,
    "spend.recorded": _spent,
    "threshold.crossed": _crossed,
    "operator.acted": _acted,
    "passthrough.stood": _stood,
    "log.checkpointed": _checkpointed,
    "checkpoint.announced": _announced,
    "signing-key.announced": _handed_over,
}
