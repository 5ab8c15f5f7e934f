"""`nexus rules`: the rules there are, one of them, the examples of a file of rules, and what rules cost. Only tenants'
own rules are asked for, where an admin plane is known."""

from __future__ import annotations

import argparse
import os
from typing import Any

import msgspec

from ops.cli.exits import FAILED, NOT_FOUND, OK, CommandFailed, Misused
from ops.cli.nearest import nearest
from ops.cli.output import Output, fields
from ops.cli.own_rules import own_rules
from ops.progress import Progress
from projections.screening import PackError, Screener, compile_rules, load_builtin_rules, load_rules
from projections.screening.cost import by_pack, cost
from projections.screening.examples import failures
from schemas.screening.likelihood import Likelihood
from schemas.screening.model import Rule

COLUMNS = ("id", "pack", "severity", "action", "directions", "tenant", "title")
COST_COLUMNS = ("name", "rules", "compile_ms", "bytes", "megabytes_per_second")


def ls(args: argparse.Namespace) -> int:
    """The rules that come with Nexus and those of tenants, a line each."""
    own, missing = own_rules(args.data, args.tenant, dict(os.environ))
    every = [(rule, "", True) for rule in load_builtin_rules()]
    every += [(spec.rule(), spec.tenant, spec.enabled) for spec in own]
    rows = [_row(*each) for each in every if _fits(each[0], args)]
    output = Output(args.output)
    if missing:
        output.message(missing)
    output.rows(rows, COLUMNS, "no rule is of that kind; `nexus rules ls` lists all of them")
    if rows:
        output.message(f"{len(rows)} rules")
    return OK


def _row(rule: Rule, tenant: str, enabled: bool) -> dict[str, Any]:
    """`tenant` is empty for what comes with Nexus."""
    row = {**msgspec.structs.asdict(rule), "tenant": tenant, "title": rule.title + ("" if enabled else " (disabled)")}
    return {**{name: row[name] for name in COLUMNS}, "enabled": enabled}


def _fits(rule: Rule, args: argparse.Namespace) -> bool:
    return (
        args.pack in ("", rule.pack)
        and args.category in ("", rule.category)
        and args.action in ("", rule.action)
        and (not args.direction or args.direction in rule.directions)
    )


def show(args: argparse.Namespace) -> int:
    """All that a rule says."""
    rules = {rule.id: rule for rule in load_builtin_rules()}
    rule, told = rules.get(args.id), {}
    if rule is None:
        own, missing = own_rules(args.data, args.tenant, dict(os.environ))
        found = [spec for spec in own if spec.id == args.id]
        if len(found) > 1:
            raise Misused(f"name the tenant with --tenant; {', '.join(spec.tenant for spec in found)} have {args.id}")
        if found:
            rule, told = found[0].rule(), {"tenant": found[0].tenant, "enabled": found[0].enabled}
        else:
            rules.update((spec.id, spec.rule()) for spec in own)
    if rule is None:
        if missing:
            Output(args.output).message(missing)
        related = [name for name in rules if name.partition(".")[0] == args.id.partition(".")[0]]
        hint = nearest(args.id, related or rules) if related or "." in args.id else "; `nexus rules ls` lists them"
        raise CommandFailed(f"there is no rule {args.id}{hint}", NOT_FOUND)
    content = {**msgspec.to_builtins(msgspec.structs.replace(rule, weights=None)), **told}
    content["weights"] = None if rule.weights is None else _told_weights(rule.weights)
    lists = {name: content.pop(name) for name in ("patterns", "hits", "misses")}
    text = [fields(content)]
    for name, values in lists.items():
        text += [f"\n{name}", *(f"  {_line(value)}" for value in values)]
    Output(args.output).result({**content, **lists}, "\n".join(text))
    return OK


def _told_weights(weights: Likelihood) -> dict[str, Any]:
    """What weights are about: the thousands of words themselves are in the file of this name."""
    told = {name: getattr(weights, name) for name in ("about", "window", "bias", "threshold", "measured")}
    return {**told, "words": len(weights.weights)}


def _line(text: str) -> str:
    return text.encode("unicode_escape").decode() if not text.isprintable() else text


def test(args: argparse.Namespace) -> int:
    """Hold a file of rules against its own examples; 1 when one of them fails."""
    try:
        rules = load_rules(args.file)
    except OSError as problem:
        raise Misused(f"{args.file} cannot be read: {problem.strerror}") from None
    except (PackError, UnicodeDecodeError) as problem:
        raise CommandFailed(str(problem)) from None
    output = Output(args.output)
    progress = Progress(output.stderr)
    progress.say(f"compiling {len(rules)} rules")
    try:
        screener = Screener(compile_rules(rules))
    except PackError as problem:
        raise CommandFailed(str(problem)) from None
    rows = []
    for done, rule in enumerate(rules):
        progress.bar(done, len(rules), rule.id)
        faults = list(failures(screener, rule))
        rows.append(
            {
                "id": rule.id,
                "hits": len(rule.hits),
                "misses": len(rule.misses),
                "result": "ok" if not faults else "; ".join(faults),
            }
        )
    progress.done()
    output.rows(rows, ("id", "hits", "misses", "result"), "the file has no rules")
    failed = sum(row["result"] != "ok" for row in rows)
    output.message(f"{failed} of {len(rows)} rules fail" if failed else f"all examples of {len(rows)} rules pass")
    return FAILED if failed else OK


def bench(args: argparse.Namespace) -> int:
    """What rules cost: a pack a line, or with --pack a rule a line."""
    packs = by_pack(load_builtin_rules())
    if args.pack and args.pack not in packs:
        raise CommandFailed(f"there is no pack {args.pack}{nearest(args.pack, packs)}", NOT_FOUND)
    groups = {rule.id: [rule] for rule in packs[args.pack]} if args.pack else packs
    output = Output(args.output)
    progress = Progress(output.stderr)
    rows = []
    for done, (name, rules) in enumerate(groups.items()):
        progress.bar(done, len(groups), name)
        rows.append(msgspec.to_builtins(cost(name, rules)))
    progress.done()
    rows.sort(key=lambda row: row["megabytes_per_second"])
    output.rows(rows, COST_COLUMNS, "there are no rules")
    output.message("CPU time; each by itself over clean text, the slowest first")
    return OK
