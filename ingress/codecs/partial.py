"""Which part of an answer is growing: for streams that tell pieces and not where a part begins. No wire format."""

from __future__ import annotations

from ingress.codecs.codec import Malformed
from schemas.conversation.answer import Delta, Event, Finished, PartBegun, PartEnded


class Growing:
    """Numbers the parts of one stream and tells their beginnings and ends. At most one part of a choice grows."""

    __slots__ = ("_keys", "_next", "_open", "finished")

    def __init__(self) -> None:
        self._next: dict[int, int] = {}
        self._open: dict[int, tuple[int, str]] = {}
        """choice -> (part, key)."""
        self._keys: set[tuple[int, str]] = set()
        """Tool calls that have begun."""
        self.finished: dict[int, str] = {}
        """How each choice ended, in order."""

    def text(self, events: list[Event], choice: int, kind: str, piece: str) -> None:
        """More of the text, the thoughts or the refusal of a choice."""
        found = self._open.get(choice)
        part = self.begin(events, choice, kind, kind) if found is None or found[1] != kind else found[0]
        events.append(Delta(choice, part, piece))

    def call(
        self, events: list[Event], choice: int, key: str, id: str, name: str, piece: str, signature: str = ""
    ) -> None:
        """More of a tool call; `key` tells the calls of one choice apart. The first piece brings id and name.

        Raises:
            Malformed: the call had ended, since another one began.
        """
        found = self._open.get(choice)
        if found is not None and found[1] == key:
            part = found[0]
        else:
            if (choice, key) in self._keys:
                # no provider is known to do so, and there are callers' formats that could not tell it
                raise Malformed("a tool call of the provider's stream goes on after another one began")
            part = self.begin(events, choice, key, "tool_call", id, name, signature)
        if piece:
            events.append(Delta(choice, part, piece))

    def begin(
        self, events: list[Event], choice: int, key: str, kind: str, id: str = "", name: str = "", signature: str = ""
    ) -> int:
        """A new part; the one before has ended."""
        self.close(events, choice)
        part = self._next.get(choice, 0)
        self._next[choice] = part + 1
        self._open[choice] = (part, key)
        if kind == "tool_call":
            self._keys.add((choice, key))
        events.append(PartBegun(choice, part, kind, id, name, signature))
        return part

    def open_part(self, choice: int, key: str = "") -> int | None:
        """The part that grows, if it is of that key or none is asked for."""
        found = self._open.get(choice)
        return None if found is None or (key and found[1] != key) else found[0]

    def close(self, events: list[Event], choice: int) -> None:
        found = self._open.pop(choice, None)
        if found is not None:
            events.append(PartEnded(choice, found[0]))

    def finish(self, events: list[Event], choice: int, finish: str, stop_sequence: str = "") -> None:
        if choice in self.finished:
            return
        self.close(events, choice)
        self.finished[choice] = finish
        events.append(Finished(choice, finish, stop_sequence))
