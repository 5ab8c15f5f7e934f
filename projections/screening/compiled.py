"""Compiles rules once and carries the result as bytes. Scanning is in `engine`.

Two kinds of parts come out of the same rules: those of the first scan only say which rules can hit at all (fast, no
start of match), those of the second say where. A part is one database over expressions of a kind, since the scanner is
faster and compiles faster over two kinds apart than together. An expression that several rules share is in a part once.
"""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import metadata

import hyperscan
import msgspec

from schemas.screening.examine import Examiner, sought
from schemas.screening.model import DIRECTIONS, TRIGGERS, Rule
from schemas.screening.rules import duplicates, problems, version

_MAGIC = b"NXSP\x03"
"""The last byte counts up when the same rules compile to something else: blobs are kept by the version of the rules."""
_DIGEST_BYTES = 32
_ENGINE = metadata.version("hyperscan")
_FLAGS = {"caseless": hyperscan.HS_FLAG_CASELESS, "dotall": hyperscan.HS_FLAG_DOTALL}
_LOCATE_RULES = 16
"""Rules in one part of the second scan: few scans for a text of many rules, a small one for a text of one."""
_ANSWER = "response"
_ASKED = tuple(each for each in DIRECTIONS if each != _ANSWER)
_NUMBERS = frozenset({"pii"})
"""Packs whose patterns have no fixed letters, so that they are slow beside others."""


class PackError(ValueError):
    """The rules cannot be compiled, or the bytes are no pack this process can run. The message says why."""


class Part(msgspec.Struct, frozen=True, array_like=True):
    """One database, and the rules that each of its expressions stands for, by their numbers."""

    data: bytes
    """Of the second scan deflated: most parts are never needed."""
    rules: tuple[tuple[int, ...], ...]
    ends: bool = False
    """It says every end of a match, so that it serves the second scan as well. The starts are to be found."""
    directions: tuple[str, ...] = DIRECTIONS
    """The ways of the texts that it is for, of a part of the first scan."""


class _Wire(msgspec.Struct, frozen=True):
    version: str
    engine: str
    rules: tuple[Rule, ...]
    detect: tuple[Part, ...]
    locate: tuple[Part, ...]
    window: int
    left_reach: int


@dataclass(frozen=True)
class CompiledPack:
    """Compiled rules. Immutable; any number of screeners, in any threads, may be made from one."""

    version: str
    """`schemas.screening.rules.version` of the rules as they were written."""
    rules: tuple[Rule, ...] = field(repr=False)
    """Without their examples. The number of a rule in the databases is its place here."""
    detect: tuple[Part, ...] = field(repr=False)
    locate: tuple[Part, ...] = field(repr=False)
    window: int
    """Characters that the widest raw candidate spans."""
    left_reach: int
    """Characters before a candidate that its examination may read."""

    def to_bytes(self) -> bytes:
        """The pack with a checksum; for `from_bytes` on a machine of the same architecture."""
        wire = _Wire(self.version, platform(), self.rules, self.detect, self.locate, self.window, self.left_reach)
        body = msgspec.msgpack.encode(wire)
        return _MAGIC + hashlib.sha256(body).digest() + body

    @staticmethod
    def from_bytes(data: bytes) -> CompiledPack:
        """PackError when the bytes are damaged, or made by another engine or machine: compile the rules again."""
        head = len(_MAGIC) + _DIGEST_BYTES
        body = memoryview(data)[head:]
        if data[: len(_MAGIC)] != _MAGIC or data[len(_MAGIC) : head] != hashlib.sha256(body).digest():
            raise PackError("not a compiled pack, or damaged: compile the rules again")
        wire = msgspec.msgpack.decode(body, type=_Wire)
        if wire.engine != platform():
            raise PackError(f"compiled for {wire.engine}, this is {platform()}: compile again")
        return CompiledPack(wire.version, wire.rules, wire.detect, wire.locate, wire.window, wire.left_reach)


def platform() -> str:
    """What a compiled pack depends on beside its rules: the scanner, and the kind of processor it sees."""
    probe = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    probe.compile(expressions=[b"a"], ids=[0], elements=1, flags=[0])
    return f"hyperscan {_ENGINE} ({os.fsdecode(probe.info())})"


def platform_hash() -> str:
    """The same as 8 hex digits, for names."""
    return hashlib.sha256(platform().encode()).hexdigest()[:8]


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
    numbered = list(enumerate(ordered))
    return CompiledPack(
        version=version(ordered),
        rules=tuple(msgspec.structs.replace(rule, hits=(), misses=()) for rule in ordered),
        detect=tuple(_detecting(numbered)),
        locate=tuple(_locating(numbered)),
        window=max(examiner.most for examiner in examiners),
        left_reach=max(examiner.left_reach for examiner in examiners),
    )


def extended(base: CompiledPack, more: CompiledPack) -> CompiledPack:
    """Both as one, without compiling anything: the rules of `more` come after those of `base`."""
    shift = len(base.rules)

    def moved(parts: tuple[Part, ...]) -> Iterator[Part]:
        for part in parts:
            rules = tuple(tuple(number + shift for number in numbers) for numbers in part.rules)
            yield msgspec.structs.replace(part, rules=rules)

    return CompiledPack(
        version=hashlib.sha256(f"{base.version}+{more.version}".encode()).hexdigest()[: len(base.version)],
        rules=base.rules + more.rules,
        detect=(*base.detect, *moved(more.detect)),
        locate=(*base.locate, *moved(more.locate)),
        window=max(base.window, more.window),
        left_reach=max(base.left_reach, more.left_reach),
    )


Numbered = tuple[int, Rule]


def _detecting(rules: Sequence[Numbered]) -> Iterator[Part]:
    phrases = [pair for pair in rules if only_ends(pair[1])]
    numbers = [pair for pair in rules if not only_ends(pair[1]) and pair[1].pack in _NUMBERS]
    others = [pair for pair in rules if not only_ends(pair[1]) and pair[1].pack not in _NUMBERS]
    # Most phrases are for requests. With a part of their own for the few others, the first scan of a kilobyte of an
    # answer takes 4 µs less; that of requests stays one scan.
    told = [pair for pair in phrases if _ANSWER in pair[1].directions]
    if phrases:
        part = _part(phrases, 0, _triggers, ends=True)
        apart = len(told) < len(phrases)
        yield msgspec.structs.replace(part, directions=_ASKED) if apart else part
        if apart and told:
            part = _part(told, hyperscan.HS_FLAG_SINGLEMATCH, _triggers)
            yield msgspec.structs.replace(part, directions=(_ANSWER,))
    for some in (numbers, others):
        if some:
            yield _part(some, hyperscan.HS_FLAG_SINGLEMATCH, _triggers)


def _locating(rules: Sequence[Numbered]) -> Iterator[Part]:
    """By what starts them and by name: texts that have to do with one rule often do with its neighbours."""
    located = [pair for pair in rules if not only_ends(pair[1])]
    for kind in TRIGGERS:
        some = [pair for pair in located if pair[1].trigger == kind]
        for at in range(0, len(some), _LOCATE_RULES):
            part = _part(some[at : at + _LOCATE_RULES], 0, _located)
            yield Part(zlib.compress(part.data, 1), part.rules)


Expressions = list[tuple[bytes, int]]
"""Each with its flags."""


def only_ends(rule: Rule) -> bool:
    """Whether the scanner says only where a candidate of the rule ends, and its start is found afterwards.

    Tracking starts through phrases with many gaps makes their automata large, or too large to compile.
    """
    return "words" in rule.flags.split()


def _patterns(rule: Rule) -> Expressions:
    """What finds the rule's candidates."""
    patterns, left, right = sought(rule)
    before = rf"(?:\A|[^{left}])" if left else ""
    after = rf"(?:\z|[^{right}])" if right else ""
    flags = 0
    for name in rule.flags.split():
        flags |= _FLAGS.get(name, 0)
    return [(f"{before}(?:{pattern}){after}".encode(), flags) for pattern in patterns]


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


def _part(
    rules: Sequence[Numbered], mode: int, expressions_of: Callable[[Rule], Expressions], *, ends: bool = False
) -> Part:
    sharing: dict[tuple[bytes, int], list[int]] = {}
    for number, rule in rules:
        for expression, flags in expressions_of(rule):
            sharing.setdefault((expression, flags | mode), []).append(number)
    try:
        data = _database(sharing)
    except hyperscan.error as error:
        if len(rules) == 1:
            raise PackError(f"{rules[0][1].id}: the engine refuses a pattern: {error}") from error
        for pair in rules:
            _part([pair], mode, expressions_of)
        raise PackError(f"the engine refuses these rules together: {error}") from error
    return Part(data, tuple(tuple(dict.fromkeys(numbers)) for numbers in sharing.values()), ends)


def _database(expressions: Iterable[tuple[bytes, int]]) -> bytes:
    """The number of each expression is its place."""
    found = list(expressions)
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[expression for expression, _ in found],
        ids=list(range(len(found))),
        elements=len(found),
        flags=[flags for _, flags in found],
    )
    return bytes(hyperscan.dumpb(database))
