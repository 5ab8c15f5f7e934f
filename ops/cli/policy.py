"""`nexus policy check`: what is wrong with a policy file, and what the policy changes. Tenants' own
rules are asked for, where an admin plane is known; nothing is sent to it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ops.cli.candidate import read_candidate, unknown_rules
from ops.cli.configuration import BadFile
from ops.cli.exits import OK, Misused
from ops.cli.output import Output, table
from ops.cli.own_rules import own_rules
from projections.screening import Screener, compile_rules, load_builtin_rules, load_or_compile, screen_step
from projections.screening.compiled import extended
from projections.screening.tenants import rules_of
from schemas.aggregates.policy import Policy, advice
from schemas.aggregates.rule import CustomRule
from schemas.screening.model import Rule, ScreeningPolicy
from schemas.screening.rules import example, names
from schemas.screening.tally import effective_action, effective_severity

DEMO = (
    "secret.aws-access-key-id",
    "secret.spoken-password",
    "private-key.pem",
    "payment-card.number",
    "national-id.us-ssn",
    "email.address",
    "prompt-injection.ignore-previous",
    "jailbreak.named-persona",
    "tool-safety.cloud-destroy",
    "data-loss.confidential-marking",
)
"""Rules whose first example is a demo text; one that does not exist any more is left out."""
MOST_SHOWN = 10
"""Of a tenant's own rules, those whose first example is a demo text as well."""


def check(args: argparse.Namespace) -> int:
    """Name every problem of a file, or tell what its policies change."""
    found = read_candidate([("policy", args.file)])
    built_in = load_builtin_rules()
    own, missing = own_rules(args.data, args.tenant, dict(os.environ))
    output = Output(args.output)
    if missing:
        output.message(missing)
    items = [(item, _of(own, item.tenant or args.tenant or "")) for _, _, item in found.items]
    problems: list[str] = []
    for item, more in items:
        problems += unknown_rules(item, names((*built_in, *(spec.rule() for spec in more))))
    if problems:
        raise BadFile(str(args.file), problems)
    pack = load_or_compile(args.data / "packs")
    told = []
    for item, more in items:
        policy = msgspec.convert({**item.body, "tenant": item.tenant or "any"}, Policy)
        in_force = rules_of(more)
        rules = {rule.id: rule for rule in (*built_in, *in_force)}
        screener = Screener(extended(pack, compile_rules(in_force)) if in_force else pack)
        told.append(
            {
                "policy": policy.id,
                "rules": changed(policy, rules),
                "texts": demonstrated(policy, rules, screener, [rule.id for rule in in_force[:MOST_SHOWN]]),
                "advice": advice(policy),
            }
        )
    output.result({"policies": told}, "\n\n".join(_text(one) for one in told))
    return OK


def _of(own: Sequence[CustomRule], tenant: str) -> list[CustomRule]:
    """The rules of the policy's tenant; where none is named, those of the only tenant that has some.

    Raises:
        Misused: several have.
    """
    tenants = {tenant} if tenant else {spec.tenant for spec in own}
    if len(tenants) > 1:
        raise Misused(
            f"name the policy's tenant with --tenant, or in the file; {', '.join(sorted(tenants))} have rules"
        )
    return [spec for spec in own if spec.tenant in tenants]


def changed(policy: Policy, rules: Mapping[str, Rule]) -> list[dict[str, str]]:
    """The rules that do something else under the policy than by themselves."""
    rows = []
    screening = policy.screening("request")
    for name in sorted(rules):
        rule = rules[name]
        now = effective_action(rule, rule.directions[0], screening.overrides, screening.disabled) or "off"
        severity = effective_severity(rule, screening.severities)
        if now != rule.action or (now != "off" and severity != rule.severity):
            rows.append(
                {
                    "rule": name,
                    "by_itself": rule.action,
                    "under_policy": now,
                    "severity": rule.severity,
                    "severity_under_policy": severity,
                    "title": rule.title,
                }
            )
    return rows


def demonstrated(
    policy: Policy, rules: Mapping[str, Rule], screener: Screener, own: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """What rules make of the demo texts without the policy and under it, both ways."""
    rows = []
    for name in (*DEMO, *own):
        if name not in rules:
            continue
        text, _ = example(rules[name].hits[0])
        for stage in ("request", "response"):
            alone = screen_step(screener, [text], stage, ScreeningPolicy())
            under = screen_step(screener, [text], stage, policy.screening(stage))
            rows.append(
                {
                    "text": name,
                    "stage": stage,
                    "by_itself": alone.action,
                    "under_policy": under.action if under.pack else "not screened",
                    "rule": under.rule,
                }
            )
    return rows


def _text(told: dict[str, Any]) -> str:
    parts = ["\n".join([f"policy {told['policy']}: no problems", *told["advice"]])]
    if told["rules"]:
        parts.append("rules that it changes\n" + _table(told["rules"]))
    parts.append("what becomes of a text that holds an example of a rule\n" + _table(told["texts"]))
    return "\n\n".join(parts)


def _table(rows: list[dict[str, Any]]) -> str:
    columns = list(rows[0])
    return table([[str(row[column]) for column in columns] for row in rows], columns)
