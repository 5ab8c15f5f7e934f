"""Streams of Replicate's predictions. Source: Replicate documentation, "Streaming output" (output, error, done)."""

from __future__ import annotations

from typing import Any

from ingress.codecs.codec import Malformed
from ingress.codecs.fields import decode_json
from ingress.codecs.partial import Growing
from ingress.codecs.replicate.prediction import read_error, read_usage
from schemas.conversation.answer import Begun, Ended, Event, Failed, Used


class PredictionReader:
    """Events of one prediction's stream in, events of the conversation out. The pieces are bare text."""

    __slots__ = ("_begun", "_failed", "_growing")

    def __init__(self) -> None:
        self._growing = Growing()
        self._begun = False
        self._failed = False

    def read(self, event: str, data: bytes) -> list[Event]:
        events: list[Event] = []
        if self._failed:
            # `done` follows an error, too
            return events
        if not self._begun:
            self._begun = True
            events.append(Begun())
        match event:
            case "output":
                try:
                    piece = data.decode()
                except UnicodeDecodeError:
                    raise Malformed("the output of the provider's stream is not text") from None
                if piece:
                    self._growing.text(events, 0, "text", piece)
            case "error":
                self._failed = True
                told = read_error(data)
                events.append(Failed(told.message or data[:2_000].decode("utf-8", "replace")))
            case "done":
                self._finish(events, data)
            case "metrics":
                # not Replicate's: what was asked for before the end was told, see `prediction.metrics_of`
                if (usage := read_usage(_object(data))) is not None:
                    events.append(Used(usage))
        return events

    def _finish(self, events: list[Event], data: bytes) -> None:
        reason = _object(data).get("reason")
        if isinstance(reason, str) and reason in ("canceled", "error"):
            events.append(Failed(f"The prediction ended before its time: {reason}.", reason))
            return
        self._growing.finish(events, 0, "stop")
        events.append(Ended())

    def end(self) -> list[Event]:
        """`done` ends a stream; without it, not everything was told."""
        return []


def _object(data: bytes) -> dict[str, Any]:
    try:
        told = decode_json(data)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
