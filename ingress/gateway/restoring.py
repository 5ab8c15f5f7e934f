"""Puts back into a streamed answer what was cut out of its request, as its events are written. Sans-I/O."""

from __future__ import annotations

from ingress.codecs.codec import CallerCodec, ProviderCodec
from ingress.codecs.passage import Crossing, Frame, Stamp, Step, note
from schemas.conversation.answer import Begun, Delta, Ended, Event, Finished, Logprobs, PartBegun, PartEnded
from schemas.screening.reversible import Restoring, Tokens
from schemas.text import TextSlot


def restore(slots: list[TextSlot], tokens: Tokens) -> None:
    """Puts the originals into a whole answer, where its texts are now."""
    for slot in slots:
        # arguments of a tool may be JSON within JSON
        slot.holder[slot.key] = tokens.restored(slot.holder[slot.key], quoted=slot.tool and slot.key == "arguments")


class RestoringCrossing(Crossing):
    """A crossing whose caller reads originals where the provider wrote tokens.

    The texts it tells of, which the rules look at and the record keeps, are the provider's.
    """

    def __init__(
        self, back: ProviderCodec, front: CallerCodec, stamp: Stamp, tokens: Tokens, *, include_usage: bool
    ) -> None:
        super().__init__(back, front, stamp, include_usage=include_usage)
        self._originals = tokens
        self._parts: dict[tuple[int, int], Restoring] = {}
        self._calls: set[tuple[int, int]] = set()

    def written(self, event: Event) -> bytes:
        if isinstance(event, Begun):
            event = self._stamped(event)
        return b"".join(map(self.writer.write, self._restored(event)))

    def _written(self, events: list[Event]) -> Step:
        step = Step([])
        for told in events:
            text = note(step, told, self._tools)
            if step.failed:
                break
            out = self.written(told)
            if out or text is not None:
                step.frames.append(Frame(out, () if text is None else (text,)))
        return step

    def _restored(self, event: Event) -> list[Event]:
        match event:
            case Delta(choice=choice, part=part, text=text):
                restoring = self._parts.get((choice, part))
                if restoring is None:
                    # arguments of a tool are JSON
                    quoted = (choice, part) in self._calls
                    restoring = self._parts[choice, part] = Restoring(self._originals, quoted=quoted)
                ready = restoring.push(text)
                return [Delta(choice, part, ready)] if ready else []
            case Logprobs():
                return []  # they tell the text once more, token by token
            case PartEnded(choice=choice, part=part):
                return [*self._rest(choice, part), event]
            case PartBegun(choice=choice, part=part, kind=kind):
                if kind == "tool_call":
                    self._calls.add((choice, part))
                return [*self._rest(choice), event]
            case Finished(choice=choice):
                return [*self._rest(choice), event]
            case Ended():
                return [*self._rest(), event]
        return [event]

    def _rest(self, choice: int | None = None, part: int | None = None) -> list[Event]:
        """What looked like the beginning of a token and was none."""
        found: list[Event] = []
        for (of, number), restoring in self._parts.items():
            if choice in (None, of) and part in (None, number) and (held := restoring.finish()):
                found.append(Delta(of, number, held))
        return found
