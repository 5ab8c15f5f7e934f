"""Given facts, when a command, then facts or a refusal: the words in which deciders are tested."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from schemas.aggregates.decider import Command, Decider, fold
from schemas.errors import NexusError


@dataclass(frozen=True)
class Story:
    """An aggregate with its past, and what somebody wants of it."""

    decider: Decider
    facts: tuple[msgspec.Struct, ...]
    command: Command | None = None

    def when(self, command: Command) -> Story:
        return Story(self.decider, self.facts, command)

    def decided(self) -> tuple[msgspec.Struct, ...]:
        assert self.command is not None, "say when(...) first"
        return self.decider.decide(self.command, fold(self.decider, self.facts))

    def then(self, *facts: msgspec.Struct) -> Story:
        """Exactly these facts; the story goes on after them."""
        assert self.decided() == facts
        return Story(self.decider, self.facts + facts)

    def then_refused(self, kind: type[NexusError], *words: str) -> Story:
        """An error of exactly this kind, whose message has all of the words; nothing has happened."""
        try:
            facts = self.decided()
        except NexusError as error:
            assert type(error) is kind, f"refused with {error!r}"
            assert [word for word in words if word not in error.message] == [], error.message
            return Story(self.decider, self.facts)
        raise AssertionError(f"not refused, but {facts}")

    def state(self) -> msgspec.Struct | None:
        return fold(self.decider, self.facts)


def stories_of(decider: Decider) -> Callable[..., Story]:
    """The function `given` of one aggregate's tests."""

    def given(*facts: msgspec.Struct) -> Story:
        return Story(decider, facts)

    return given
