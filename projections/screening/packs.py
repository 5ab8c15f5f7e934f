"""Reads rule packs from TOML files. The files lie in schemas/packs; compiling them is elsewhere."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

import schemas
from projections.screening.compiled import PackError
from schemas.screening.likelihood import Likelihood, decoded
from schemas.screening.model import Rule
from schemas.screening.rules import NAME, duplicates, problems

_PACKS = Path(schemas.__file__).parent / "packs"


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    title: str


class _Pack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pack: _Head
    rule: tuple[Rule, ...]


def load_rules(path: Path) -> tuple[Rule, ...]:
    """The rules of one pack file. PackError lists everything that is wrong with the file at once."""
    try:
        pack = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _Pack)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise PackError(f"{path.name}: {error}") from error
    rules = [msgspec.structs.replace(rule, pack=pack.pack.name, weights=_weights(rule)) for rule in pack.rule]
    found = [f"{path.name}: {rule.id}: {problem}" for rule in rules for problem in problems(rule)]
    if found:
        raise PackError("\n".join(found))
    return tuple(rules)


def _weights(rule: Rule) -> Likelihood | None:
    """Those that a rule names; None where there are none of that name."""
    if rule.weights is not None:
        raise PackError(f"{rule.id}: weights are in files of their own, which likelihood names")
    if not NAME.fullmatch(rule.likelihood):
        return None
    path = _PACKS / "likelihood" / f"{rule.likelihood}.json"
    try:
        return decoded(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValueError, msgspec.MsgspecError) as error:
        raise PackError(f"likelihood/{path.name}: {error}") from error


def load_builtin_rules() -> tuple[Rule, ...]:
    """The rules of all packs that come with Nexus, ordered by id."""
    rules = [rule for path in sorted(_PACKS.glob("*.toml")) for rule in load_rules(path)]
    if repeated := duplicates(rules):
        raise PackError(f"rules defined more than once: {', '.join(repeated)}")
    return tuple(sorted(rules, key=lambda rule: rule.id))
