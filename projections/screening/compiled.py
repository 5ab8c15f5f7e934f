"""Compiles rules once and carries the result as bytes. Scanning is in `engine`.

Two databases come out of the same rules: one that only says which can hit at all (fast, no start of match, one report
a rule), and one that says where (start of match, every end).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import metadata

import hyperscan
import msgspec

from schemas.screening.examine import Examiner
from schemas.screening.model import Rule
from schemas.screening.pattern import spelled
from schemas.screening.rules import duplicates, problems, version

_MAGIC = b"NXSP\x01"
"""The last byte counts up when the same rules compile to something else: blobs are kept by the version of the rules."""
_DIGEST_BYTES = 32
_ENGINE = metadata.version("hyperscan")
_FLAGS = {"caseless": hyperscan.HS_FLAG_CASELESS, "dotall": hyperscan.HS_FLAG_DOTALL}


class PackError(ValueError):
    """The rules cannot be compiled, or the bytes are no pack this process can run. The message says why."""


class _Wire(msgspec.Struct, frozen=True):
    version: str
    engine: str
    rules: tuple[Rule, ...]
    detect: bytes
    locate: bytes
    window: int
    left_reach: int


@dataclass(frozen=True)
class CompiledPack:
    """Compiled rules. Immutable; any number of screeners, in any threads, may be made from one."""

    version: str
    """`schemas.screening.rules.version` of the rules."""
    rules: tuple[Rule, ...] = field(repr=False)
    """The number of a rule in the databases is its place here."""
    detect: bytes = field(repr=False)
    locate: bytes = field(repr=False)
    window: int
    """Characters that the widest raw candidate spans."""
    left_reach: int
    """Characters before a candidate that its examination may read."""

    def to_bytes(self) -> bytes:
        """The pack with a checksum; for `from_bytes` on a machine of the same architecture."""
        body = msgspec.msgpack.encode(
            _Wire(
                version=self.version,
                engine=_ENGINE,
                rules=self.rules,
                detect=self.detect,
                locate=self.locate,
                window=self.window,
                left_reach=self.left_reach,
            )
        )
        return _MAGIC + hashlib.sha256(body).digest() + body

    @staticmethod
    def from_bytes(data: bytes) -> CompiledPack:
        """PackError when the bytes are damaged, or made by another version of the engine: compile the rules again."""
        head = len(_MAGIC) + _DIGEST_BYTES
        body = data[head:]
        if data[: len(_MAGIC)] != _MAGIC or data[len(_MAGIC) : head] != hashlib.sha256(body).digest():
            raise PackError("not a compiled pack, or damaged: compile the rules again")
        wire = msgspec.msgpack.decode(body, type=_Wire)
        if wire.engine != _ENGINE:
            raise PackError(f"compiled for hyperscan {wire.engine}, this is {_ENGINE}: compile again")
        return CompiledPack(wire.version, wire.rules, wire.detect, wire.locate, wire.window, wire.left_reach)


def compile_rules(rules: Sequence[Rule]) -> CompiledPack:
    """Compile, in about a second for a hundred rules. PackError names every rule that is wrong."""
    if not rules:
        raise PackError("a pack needs at least one rule")
    found = [f"{rule.id}: {problem}" for rule in rules for problem in problems(rule)]
    found += [f"{name}: defined more than once" for name in duplicates(rules)]
    if found:
        raise PackError("\n".join(found))
    ordered = tuple(sorted(rules, key=lambda rule: rule.id))
    examiners = [Examiner(rule) for rule in ordered]
    return CompiledPack(
        version=version(ordered),
        rules=ordered,
        detect=_database(ordered, hyperscan.HS_FLAG_SINGLEMATCH, _triggers),
        locate=_database(ordered, 0, _located),
        window=max(examiner.most for examiner in examiners),
        left_reach=max(examiner.left_reach for examiner in examiners),
    )


Expressions = list[tuple[bytes, int]]
"""Each with its flags."""


def only_ends(rule: Rule) -> bool:
    """Whether the scanner says only where a candidate of the rule ends, and its start is found afterwards.

    Tracking starts through phrases with many gaps makes their automata large, or too large to compile.
    """
    return "words" in rule.flags.split()


def _patterns(rule: Rule) -> Expressions:
    """What finds the rule's candidates."""
    before = rf"(?:\A|[^{rule.boundary}])" if rule.boundary and not rule.extend_left else ""
    after = rf"(?:\z|[^{rule.boundary}])" if rule.boundary and not rule.extend_right else ""
    flags = 0
    for name in rule.flags.split():
        flags |= _FLAGS.get(name, 0)
    return [(f"{before}(?:{spelled(pattern, rule.flags)}){after}".encode(), flags) for pattern in rule.patterns]


def _located(rule: Rule) -> Expressions:
    """What says where the rule's candidates are."""
    start = 0 if only_ends(rule) else hyperscan.HS_FLAG_SOM_LEFTMOST
    return [(expression, flags | start) for expression, flags in _patterns(rule)]


def _triggers(rule: Rule) -> Expressions:
    """What must occur in a text that this rule can hit: cheaper to look for than its patterns where it says so."""
    if rule.trigger != "keywords":
        return _patterns(rule)
    found: Expressions = []
    for keyword in rule.keywords:
        before = "" if keyword.startswith("*") else r"(?:\A|[^A-Za-z0-9])"
        after = "" if keyword.endswith("*") else r"(?:\z|[^A-Za-z0-9])"
        word = re.escape(keyword.strip("*"))
        found.append((f"{before}{word}{after}".encode("ascii"), hyperscan.HS_FLAG_CASELESS))
    return found


def _database(rules: Sequence[Rule], mode: int, expressions_of: Callable[[Rule], Expressions]) -> bytes:
    expressions: list[bytes] = []
    ids: list[int] = []
    flags: list[int] = []
    for number, rule in enumerate(rules):
        for expression, own in expressions_of(rule):
            expressions.append(expression)
            ids.append(number)
            flags.append(own | mode)
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    try:
        database.compile(expressions=expressions, ids=ids, elements=len(ids), flags=flags)
    except hyperscan.error as error:
        if len(rules) == 1:
            raise PackError(f"{rules[0].id}: the engine refuses a pattern: {error}") from error
        for rule in rules:
            _database([rule], mode, expressions_of)
        raise PackError(f"the engine refuses these rules together: {error}") from error
    return bytes(hyperscan.dumpb(database))
