"""A stream whose text waits until the rules have settled on it, so that no match is ever passed on in part. Sans-I/O.

Every event is read and written anew, also where both sides speak the same protocol: events that repeat a text whole
would tell what was cut out of its pieces.
"""

from __future__ import annotations

from collections import deque

import msgspec

from ingress.codecs.passage import Crossing, Looking, Step, Tools, note
from ingress.gateway.relay import Parser, Relay
from ingress.gateway.screening import EVERYTHING, StreamScreening
from schemas.conversation.answer import Delta, Event, Logprobs, PartBegun
from schemas.screening.model import Hit, strictness
from schemas.screening.redaction import JsonPieces, marker
from schemas.text import TOOL_LANE


class _Waiting(msgspec.Struct, gc=False):
    """An event that may not pass yet; `lane` is empty for one without text."""

    event: Event
    lane: str = ""
    start: int = 0
    end: int = 0


class HoldingRelay(Relay):
    """A relay that passes only text which no rule can still object to, with what rules redact cut out of it.

    What is passed on is a function of the provider's events alone: where the bytes were cut changes nothing.
    """

    def __init__(
        self, screening: StreamScreening, include_usage: bool, *, keep: bool, whole: bool, waits: bool = False
    ) -> None:
        """
        Args:
            whole: wait for the end of the answer, not just until text has settled.
            waits: and then for `let_go`.
        """
        super().__init__(screening, include_usage, keep=keep)
        self._whole = whole
        self.waits = waits
        self._queue: deque[_Waiting] = deque()
        self._tools: Tools = set()
        self._ends: dict[str, int] = {}
        """Lane -> characters taken in."""
        self._json: dict[str, JsonPieces] = {}
        """Of the lanes with arguments of tools: what is cut out of them must leave JSON."""
        self._over = False
        """Whether the provider has said all."""

    def through(self, passage: Looking | Crossing, parser: Parser | None = None) -> None:
        assert isinstance(passage, Crossing), "what is held is written anew"
        self._crossing = passage
        super().through(passage, parser)

    def _read(self, event: str, data: bytes, raw: bytes, passed: list[bytes]) -> None:
        self._take_events(self._crossing.events(event, data), passed)

    def end(self) -> bytes:
        passed: list[bytes] = []
        if not (self.done or self.blocked or self.failed):
            self._take_events(self._crossing.last_events(), passed)
        return b"".join(passed)

    def _take_events(self, events: list[Event], passed: list[bytes]) -> None:
        step = Step([])
        for event in events:
            text = note(step, event, self._tools)
            if step.failed:
                break
            if isinstance(event, Logprobs):
                continue  # they tell the text once more, token by token
            waiting = _Waiting(event)
            if text is not None:
                waiting.lane, piece = text
                waiting.start = self._ends.get(waiting.lane, 0)
                waiting.end = self._ends[waiting.lane] = waiting.start + len(piece)
                self.output_bytes += len(piece.encode("utf-8", "surrogatepass"))
                if self._screening.push(waiting.lane, piece):
                    self.blocked = True
            self._queue.append(waiting)
            if self.blocked:
                break
        if step.usage is not None:
            self.usage = step.usage
        if step.finish_reason:
            self.finish_reason = step.finish_reason
        self.failed = step.failed
        if step.done and not self.blocked:
            self._over = True
            verdict = self._screening.finish()
            self.blocked = verdict.action == "block"
        self._release(passed)
        self.done = step.done and not self.blocked

    def _release(self, passed: list[bytes]) -> None:
        """Passes on what has settled, in order; in front of a hit that blocks, nothing behind its beginning."""
        if self._whole and not self._over:
            return
        if self.waits and not self.blocked:
            for waiting in self._queue:
                waiting.event = self._cut(waiting)
            return
        if self._whole and self.blocked:
            self._queue.clear()
            return
        while self._queue:
            first = self._queue[0]
            if first.lane and first.end > self._limit(first.lane):
                return
            self._queue.popleft()
            passed.append(self._crossing.written(self._cut(first)))

    def lanes(self) -> dict[str, str]:
        """The texts that wait, by lane; where nothing waits for its end, what has been passed on and kept."""
        if not self.waits:
            return super().lanes()
        found: dict[str, list[str]] = {}
        for waiting in self._queue:
            match waiting.event:
                case Delta(text=text) | PartBegun(name=text) if waiting.lane:
                    found.setdefault(waiting.lane, []).append(text)
        return {lane: "".join(pieces) for lane, pieces in found.items()}

    def let_go(self, changed: dict[str, str]) -> bytes:
        """What has waited, with other texts in place of some lanes' own."""
        passed: list[bytes] = []
        put: set[str] = set()
        for waiting in self._queue:
            event = waiting.event
            if isinstance(event, Delta) and waiting.lane in changed:
                event = Delta(event.choice, event.part, "" if waiting.lane in put else changed[waiting.lane])
                put.add(waiting.lane)
            passed.append(self._crossing.written(event))
        self._queue.clear()
        return b"".join(passed)

    def _limit(self, lane: str) -> int:
        """No text of a lane behind here may pass yet."""
        settled = EVERYTHING if self._over else self._screening.settled(lane)
        if not self.blocked:
            return settled
        blocking = {each: self._blocking(each) for each in self._ends}
        if not any(blocking.values()):
            # a block that names no hit stands for more hits than are told: nothing is known to be harmless
            return 0
        return min([settled, *blocking[lane]])

    def _blocking(self, lane: str) -> list[int]:
        return [hit.start for hit in self._screening.hits(lane) if hit.action == "block"]

    def _cut(self, waiting: _Waiting) -> Event:
        """The event with what rules redact replaced. A hit over several events is replaced in the one it begins in."""
        event = waiting.event
        if not waiting.lane:
            return event
        hits = [hit for hit in self._screening.hits(waiting.lane) if strictness(hit.action) >= strictness("redact")]
        if isinstance(event, Delta):
            json = self._json.setdefault(waiting.lane, JsonPieces()) if TOOL_LANE in waiting.lane else None
            text = _without(event.text, waiting.start, hits, json)
            if self._keep:
                self._keep_piece(waiting.lane, text)
            return event if text is event.text else Delta(event.choice, event.part, text)
        return event


def _without(text: str, at: int, hits: list[Hit], json: JsonPieces | None) -> str:
    """The piece of a lane that begins at `at`, with the hits cut out that touch it."""
    end = at + len(text)
    touching = sorted((hit for hit in hits if hit.start < end and hit.end > at), key=lambda hit: (hit.start, -hit.end))
    if not touching:
        if json is not None:
            json.past(text)
        return text
    parts: list[str] = []
    done = seen = at
    covered = -1
    for hit in touching:
        if hit.end <= covered:
            continue
        if hit.start >= at and hit.start >= covered:
            instead = marker(hit)
            if json is not None:
                json.past(text[seen - at : hit.start - at])
                seen = hit.start
                instead = f'"{instead}"' if json.bare else instead
            parts += (text[done - at : max(hit.start, done) - at], instead)
        done = max(done, min(hit.end, end))
        covered = max(covered, hit.end)
    if json is not None:
        json.past(text[seen - at :])
    parts.append(text[done - at :])
    return "".join(parts)
