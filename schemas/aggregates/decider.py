"""The decider form and the commands that every aggregate understands. Pure: time and identity arrive in commands.

Form after Jérémie Chassaing, "Functional Event Sourcing Decider": `decide(command, state) -> facts`,
`evolve(state, fact) -> state`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

import msgspec

from schemas.errors import Conflict, InvalidRequest, NotFound

SpecT = TypeVar("SpecT", bound=msgspec.Struct)


class Create(msgspec.Struct, Generic[SpecT], frozen=True):
    """Bring into being; refused when it exists."""

    spec: SpecT


class Change(msgspec.Struct, Generic[SpecT], frozen=True):
    """Replace the spec of something that exists; nothing happens when it is equal."""

    spec: SpecT


class Put(msgspec.Struct, Generic[SpecT], frozen=True):
    """Create or change, whichever is needed: what a configuration file means."""

    spec: SpecT


class Remove(msgspec.Struct, frozen=True):
    """Take away; refused when it does not exist."""

    reason: str = ""


Command = Create[Any] | Change[Any] | Put[Any] | Remove
State = msgspec.Struct | None
"""The spec in force, or None before creation and after removal."""


class Decider(msgspec.Struct, frozen=True):
    """One aggregate: its name on the log, the type of its spec, and its two pure functions."""

    name: str
    """Second token of the subject and the word in fact names."""
    collection: str
    """The word in admin paths and configuration files."""
    spec: type[msgspec.Struct]
    facts: tuple[type[msgspec.Struct], ...]
    decide: Callable[[Command, State], tuple[msgspec.Struct, ...]]
    evolve: Callable[[State, msgspec.Struct], State]
    by_hand: bool = True
    """Whether operators set it; else a process of Nexus does, and they look at it."""


def fold(decider: Decider, facts: Iterable[msgspec.Struct], state: State = None) -> State:
    """The state after all facts."""
    for fact in facts:
        state = decider.evolve(state, fact)
    return state


SLUG = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}\Z")


def problems_of_id(identifier: str, what: str = "id") -> list[str]:
    """Why an id that people choose is not acceptable; empty when it is."""
    if SLUG.match(identifier):
        return []
    return [f"{what} must be 1 to 63 of a-z, 0-9, '_', '.', '-' and start with a letter or digit"]


def definition(
    name: str,
    collection: str,
    spec: type[SpecT],
    created: type[msgspec.Struct],
    changed: type[msgspec.Struct],
    removed: type[msgspec.Struct],
    check: Callable[[SpecT], list[str]],
    keep: tuple[str, ...] = ("id", "tenant"),
) -> Decider:
    """The decider of an aggregate that is created, changed as a whole, and removed.

    Args:
        check: every problem of a spec, in words for its author.
        keep: fields that a change may not touch.
    """
    word = name.replace("-", " ")

    def checked(new: SpecT) -> SpecT:
        problems = check(new)
        if problems:
            raise InvalidRequest(f"{word}: " + "; ".join(problems))
        return new

    def change(new: SpecT, state: msgspec.Struct) -> tuple[msgspec.Struct, ...]:
        for field in keep:
            if getattr(new, field, None) != getattr(state, field, None):
                raise InvalidRequest(f"{word}: {field} cannot be changed", param=field)
        return () if new == state else (changed(checked(new)),)

    def decide(command: Command, state: State) -> tuple[msgspec.Struct, ...]:
        match command:
            case Create(spec=new):
                if state is not None:
                    raise Conflict(f"{word} exists already")
                return (created(checked(new)),)
            case Put(spec=new):
                return (created(checked(new)),) if state is None else change(new, state)
            case Change(spec=new):
                if state is None:
                    raise NotFound(f"{word} does not exist")
                return change(new, state)
            case Remove(reason=reason):
                if state is None:
                    raise NotFound(f"{word} does not exist")
                return (removed(reason),)

    def evolve(state: State, fact: msgspec.Struct) -> State:
        if isinstance(fact, removed):
            return None
        current: State = getattr(fact, "spec")  # noqa: B009  created and changed both carry it
        return current

    return Decider(name, collection, spec, (created, changed, removed), decide, evolve)
