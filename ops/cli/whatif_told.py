"""A comparison as JSON and as text: counts, moves, money, examples, and what could not be known. Pure."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ops.cli.candidate import Found
from ops.cli.output import fields, money, table
from projections.live.health import PastHealth
from projections.whatif import Compared
from schemas.envelope import Position
from schemas.whatif import Judgement, Outcome, Recorded
from schemas.whatif_budgets import MOST
from schemas.whatif_report import Report

Told = dict[str, Any]
_WORDS = {
    "blocked": "newly blocked",
    "redacted": "newly redacted",
    "flagged": "newly flagged",
    "passed": "newly passed",
    "rerouted": "rerouted",
    "refused": "no model any more",
    "served": "a model where there was none",
    "over_budget": "refused by a budget",
    "in_budget": "in a budget again",
    "over_rate": "refused by a key's rate",
    "in_rate": "in a key's rate again",
}


def told(
    compared: Compared,
    found: Found,
    health: PastHealth,
    args: argparse.Namespace,
    *,
    recorded_at: str,
    admin: str,
    seconds: float,
) -> Told:
    """Everything, for machines."""
    report, span = compared.report, compared.span
    return {
        "candidate": [
            {"collection": item.collection, "id": item.id, "file": str(path)} for _, path, item in found.items
        ],
        "first": str(Position(span.stream, span.first)),
        "last": str(Position(span.stream, span.last)),
        "tenant": args.tenant or "",
        "requests": report.requests,
        "changed": report.changed,
        "kinds": dict(report.kinds),
        "rules": [
            {"kind": kind, "rule": rule, "requests": count}
            for (kind, rule), count in sorted(report.rules.items(), key=lambda entry: (-entry[1], entry[0]))
        ],
        "rerouted": [
            {"from": was, "to": will, "requests": count}
            for (was, will), count in sorted(report.rerouted.items(), key=lambda entry: (-entry[1], entry[0]))
        ],
        "cost": _cost(report),
        "cost_unknown": report.cost_unknown,
        "budgets": [msgspec.to_builtins(line) for line in report.budgets.lines],
        "rates": [msgspec.to_builtins(line) for line in report.rates.lines],
        "not_judged": {"requests": sum(report.not_judged.values()), **dict(sorted(report.not_judged.items()))},
        "bodies": {"needed": compared.needed, "opened": compared.opened, "recorded_at": recorded_at},
        "examples": [_example(*pair, admin) for pair in report.first_examples()],
        "limits": list(_limits(compared, found, health)),
        "unreadable": [str(Position(span.stream, sequence)) for sequence in compared.unreadable],
        "complete": compared.complete,
        "seconds": round(seconds, 3),
        "requests_per_second": round(report.requests / max(seconds, 1e-9)),
    }


def _cost(report: Report) -> Told:
    rows = [
        {
            "tenant": tenant,
            "model": model,
            "requests": requests,
            "recorded_micros": recorded,
            "candidate_micros": candidate,
            "difference_micros": candidate - recorded,
        }
        for (tenant, model), (requests, recorded, candidate) in sorted(report.costs.items())
    ]
    names = ("recorded_micros", "candidate_micros", "difference_micros")
    return {**{name: sum(row[name] for row in rows) for name in names}, "by_model": rows}


def _example(recorded: Recorded, judgement: Judgement, admin: str) -> Told:
    return {
        "id": recorded.id,
        "tenant": recorded.tenant,
        "position": str(Position("TRAFFIC", recorded.sequence)),
        "kinds": list(judgement.kinds) or ["cost"],
        "before": _outcome(judgement.before),
        "after": _outcome(judgement.after),
        "command": f"nexus traffic get {recorded.id}",
        "url": f"{admin}/api/admin/traffic/{recorded.id}",
    }


def _outcome(outcome: Outcome) -> Told:
    return {
        "action": outcome.action,
        "rule": outcome.rule,
        "model": outcome.model,
        "cost_micros": outcome.cost_micros,
    }


def _limits(compared: Compared, found: Found, health: PastHealth) -> Iterator[str]:
    """What a comparison cannot know, as far as it matters here."""
    report = compared.report
    options = {option for option, _, _ in found.items}
    if not report.rates.played:
        yield f"rates of keys are not played again: more than {MOST:,} requests; take a shorter range"
    elif "key" in options:
        yield (
            "rates of keys are played again in the order in which requests began, for each gateway process, with full "
            "buckets at the beginning of the range; what leaves nothing on the record (estimates) is not among them"
        )
    else:
        yield "rates of keys stay as they were: who was refused by one stays refused (--key FILE plays another)"
    if options & {"policy", "route"}:
        yield "hooks are not asked again, rate limiters among them: what they decided then stands"
    if not report.budgets.played:
        yield f"budgets are not played again: more than {MOST:,} requests had a cost; take a shorter range"
    elif report.budgets.requests:
        yield (
            "budgets are played again as if the whole cost of a request were known when it began, after what LEDGER "
            "says was spent before the range; what was set aside for others under way at the time is not"
        )
    if report.rates.room:
        yield "what a request that a key's rate refused then would have come to is not known and costs nothing"
    if report.budgets.room:
        yield "what a request that a budget refused then would have cost is not known and counts as nothing"
    if report.rerouted or any(option == "route" for option, _, _ in found.items):
        yield (
            f"health: {health.facts} facts about circuits in and shortly before the range; an account of which neither "
            "they nor the request itself say anything is taken for healthy and for answering"
        )
        yield "an account that a candidate route names and that did not exist yet is taken as it is now"
    if report.rerouted:
        yield "another model is taken to have used the tokens that the recorded one used"
    if report.kinds["passed"]:
        yield "what a provider would have answered to a request that was blocked then is not known, nor its cost"
    if report.cost_unknown:
        yield f"the cost of {report.cost_unknown} requests cannot be known and counts as it was recorded"


def as_text(facts: Told) -> str:
    """For people."""
    kinds = {_WORDS[kind]: count for kind, count in facts["kinds"].items() if count}
    cost = facts["cost"]
    why = ", ".join(f"{count} {name}" for name, count in facts["not_judged"].items() if name != "requests")
    head = {
        "range": f"{facts['first']} to {facts['last']}",
        "tenant": facts["tenant"],
        "requests": facts["requests"],
        "changed": f"{facts['changed']}",
        **kinds,
        "not judged": f"{facts['not_judged']['requests']} ({why})" if why else "",
        "cost recorded": money(cost["recorded_micros"]),
        "cost then": money(cost["candidate_micros"]),
        "difference": money(cost["difference_micros"]),
        "bodies opened": f"{facts['bodies']['opened']} (on the record at {facts['bodies']['recorded_at']})"
        if facts["bodies"]["opened"]
        else "none",
        "unreadable": len(facts["unreadable"]) or "",
        "rate": f"{facts['requests_per_second']:,} requests/s",
    }
    parts = [fields(head)]
    if facts["rules"]:
        parts.append(_rows(facts["rules"], ("kind", "rule", "requests")))
    if facts["rerouted"]:
        parts.append(_rows(facts["rerouted"], ("from", "to", "requests")))
    if facts["budgets"]:
        parts.append(_rows(facts["budgets"], ("tenant", "budget", "window", "limit_micros", "spent_micros", "refused")))
    if facts["rates"]:
        parts.append(_rows(facts["rates"], ("tenant", "key", "requests_per_minute", "requests", "refused")))
    changed = [row for row in cost["by_model"] if row["difference_micros"]]
    if changed:
        columns = ("tenant", "model", "requests", "recorded_micros", "candidate_micros", "difference_micros")
        parts.append(_rows(changed, columns))
    if facts["examples"]:
        examples = [
            {
                "change": ", ".join(example["kinds"]),
                "before": _said(example["before"]),
                "after": _said(example["after"]),
                "look": example["command"],
            }
            for example in facts["examples"]
        ]
        parts.append(_rows(examples, ("change", "before", "after", "look")))
    parts.append("\n".join(f"note: {limit}" for limit in facts["limits"]))
    return "\n\n".join(parts)


def _said(outcome: Mapping[str, Any]) -> str:
    parts = (outcome["action"], outcome["rule"], outcome["model"], money(outcome["cost_micros"]))
    return " ".join(part for part in parts if part)


def _rows(rows: list[Told], columns: tuple[str, ...]) -> str:
    return table([[str(row[column]) for column in columns] for row in rows], columns)
