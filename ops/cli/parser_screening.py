"""The grammar of the commands about rules. Imports no command, so help is fast."""

from __future__ import annotations

from pathlib import Path

from ops.cli.grammar import Grammar, tenant

COMMANDS = {
    "rules ls": "ops.cli.rules:ls",
    "rules show": "ops.cli.rules:show",
    "rules test": "ops.cli.rules:test",
    "rules bench": "ops.cli.rules:bench",
    "rules allow": "ops.cli.allow:allow",
    "scan": "ops.cli.scan:scan",
    "policy check": "ops.cli.policy:check",
    "simulate": "ops.cli.simulate:simulate",
}

_ACTIONS = ("flag", "redact", "block")
_DIRECTIONS = ("request", "response", "tool")


def add_screening(grammar: Grammar) -> None:
    """Adds the commands."""
    command, group = grammar.command, grammar.group
    rules = group("rules", "compliance rules: what there is, and whether it finds what it should")
    whose = "only this tenant's own rules, besides those that come with Nexus"
    listing = command("rules ls", "the rules that come with Nexus, and tenants' own", rules)
    listing.add_argument("--tenant", help=whose)
    listing.add_argument("--pack", default="", help="only this pack's")
    listing.add_argument("--category", default="", help="only of this category: the first part of the id")
    listing.add_argument("--direction", choices=_DIRECTIONS, default="", help="only rules for texts that go this way")
    listing.add_argument("--action", choices=_ACTIONS, default="", help="only rules that do this by themselves")
    showing = command("rules show", "one rule: patterns, conditions, examples, source", rules)
    showing.add_argument("id", metavar="ID", help="such as secret.aws-access-key-id")
    showing.add_argument("--tenant", help="whose own rule, where several tenants have one of that name")
    testing = command("rules test", "hold a file of rules against its own examples", rules)
    testing.add_argument("file", type=Path, metavar="FILE", help="TOML, as schemas/packs/README.md describes")
    measuring = command("rules bench", "what rules cost to compile, to keep and to look for", rules)
    measuring.add_argument("--pack", default="", help="each rule of this pack instead of each pack")
    letting = command("rules allow", "let one value pass under a policy; it is read from a file or piped in", rules)
    letting.add_argument("file", metavar="FILE|-", help="holds the value, which is kept as a keyed hash only")
    letting.add_argument("--policy", required=True, metavar="ID", help="the policy that may let it pass")
    letting.add_argument("--not", dest="off", action="store_true", help="take the value off the list again")
    tenant(letting)

    scanning = command("scan", "hold files against the rules; exit code 1 when one blocks")
    scanning.add_argument("paths", nargs="+", metavar="FILE|-", help="files, directories, or - for what is piped in")
    scanning.add_argument("--direction", choices=_DIRECTIONS, default="request", help="default request")
    scanning.add_argument("--least", choices=_ACTIONS, default="flag", help="show only hits that do at least this")
    scanning.add_argument("--fail-on", choices=_ACTIONS, default="block", help="exit with 1 from this on (block)")

    policies = group("policy", "policies: what they make of the rules")
    checking = command("policy check", "what is wrong with a policy file, and what it would change", policies)
    checking.add_argument("file", type=Path, metavar="FILE", help="TOML or JSON, as for `nexus apply`")
    checking.add_argument("--tenant", help="whose policy, where the file does not say; its own rules are known")

    supposing = command("simulate", "a dry run of a request: what rules, route and budget would make of it")
    supposing.add_argument("file", metavar="FILE|-", help="the request's body, JSON of chat completions")
    supposing.add_argument("--route", default="", metavar="R", help="id of a route instead of the one for its model")
    supposing.add_argument("--key", default="", metavar="ID", help="as if sent with this key")
    tenant(supposing)
