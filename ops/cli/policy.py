"""`nexus policy check`: what is wrong with a policy file, and what the policy changes. Offline; nothing is sent."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

import msgspec

from ops.cli.candidate import read_candidate, unknown_rules
from ops.cli.configuration import BadFile
from ops.cli.exits import OK
from ops.cli.output import Output, table
from projections.screening import Screener, load_builtin_rules, load_or_compile, screen_step
from schemas.aggregates.policy import Policy, advice
from schemas.screening.model import Rule, ScreeningPolicy
from schemas.screening.rules import example, names
from schemas.screening.tally import effective_action

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


def check(args: argparse.Namespace) -> int:
    """Name every problem of a file, or tell what its policies change."""
    found = read_candidate([("policy", args.file)])
    rules = {rule.id: rule for rule in load_builtin_rules()}
    items = [item for _, _, item in found.items]
    if problems := [problem for item in items for problem in unknown_rules(item, names(rules.values()))]:
        raise BadFile(str(args.file), problems)
    policies = [msgspec.convert({**item.body, "tenant": item.tenant or "any"}, Policy) for item in items]
    screener = Screener(load_or_compile(args.data / "packs"))
    told = [
        {
            "policy": policy.id,
            "rules": changed(policy, rules),
            "texts": demonstrated(policy, rules, screener),
            "advice": advice(policy),
        }
        for policy in policies
    ]
    Output(args.output).result({"policies": told}, "\n\n".join(_text(one) for one in told))
    return OK


def changed(policy: Policy, rules: Mapping[str, Rule]) -> list[dict[str, str]]:
    """The rules that do something else under the policy than by themselves."""
    rows = []
    screening = policy.screening("request")
    for name in sorted(rules):
        rule = rules[name]
        now = effective_action(rule, rule.directions[0], screening.overrides, screening.disabled) or "off"
        if now != rule.action:
            rows.append({"rule": name, "by_itself": rule.action, "under_policy": now, "title": rule.title})
    return rows


def demonstrated(policy: Policy, rules: Mapping[str, Rule], screener: Screener) -> list[dict[str, Any]]:
    """What rules make of the demo texts without the policy and under it, both ways."""
    rows = []
    for name in DEMO:
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
