"""Reads rule packs from TOML files. The files lie in schemas/packs; compiling them is elsewhere."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

import schemas
from projections.screening.compiled import PackError
from schemas.screening.model import Rule
from schemas.screening.rules import duplicates, problems


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
    found = [f"{path.name}: {rule.id}: {problem}" for rule in pack.rule for problem in problems(rule)]
    if found:
        raise PackError("\n".join(found))
    return tuple(msgspec.structs.replace(rule, pack=pack.pack.name) for rule in pack.rule)


def load_builtin_rules() -> tuple[Rule, ...]:
    """The rules of all packs that come with Nexus, ordered by id."""
    directory = Path(schemas.__file__).parent / "packs"
    rules = [rule for path in sorted(directory.glob("*.toml")) for rule in load_rules(path)]
    if repeated := duplicates(rules):
        raise PackError(f"rules defined more than once: {', '.join(repeated)}")
    return tuple(sorted(rules, key=lambda rule: rule.id))
