"""Recorded exchanges played back: what was asked must be asked again, to the letter; nothing is composed here.

A recording is a JSON file: ``{"method", "path", "request", "status", "answer" | "answer_text", "content_type"}``.
``path`` has the query; ``request`` is the body as JSON (null for none); ``answer_text`` is for what is not JSON, a
stream say.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ops.mock import wire


class Recording(msgspec.Struct, forbid_unknown_fields=True):
    method: str
    path: str
    request: Any = None
    status: int = 200
    answer: Any = None
    answer_text: str | None = None
    content_type: str = ""

    def body(self) -> tuple[int, bytes, bytes]:
        """Status, content type and body."""
        if self.answer_text is None:
            return self.status, (self.content_type or "application/json").encode(), wire.encode(self.answer)
        return self.status, (self.content_type or "text/event-stream").encode(), self.answer_text.encode()


class Recordings:
    """All recordings of a folder, by method and path."""

    def __init__(self, folder: Path) -> None:
        """Raises ValueError naming the file that is no recording."""
        self._known: dict[tuple[str, str], list[Recording]] = {}
        for path in sorted(folder.glob("**/*.json")):
            try:
                recording = msgspec.json.decode(path.read_bytes(), type=Recording)
            except ValueError as problem:
                raise ValueError(f"{path.name} is no recording: {problem}") from None
            self._known.setdefault((recording.method, recording.path), []).append(recording)
        if not self._known:
            raise ValueError(f"no recording (*.json) in {folder}")

    def answer(self, method: bytes, target: bytes, body: bytes) -> tuple[int, bytes, bytes]:
        """Status, content type and body. 404: nothing recorded there; 409: another body was, and where it differs."""
        known = self._known.get((method.decode(), target.decode("latin-1")))
        if known is None:
            return 404, wire.JSON, _told("nothing is recorded for this method and path")
        try:
            asked = msgspec.json.decode(body) if body else None
        except ValueError:
            return 409, wire.JSON, _told("the body is not JSON")
        for recording in known:
            if recording.request == asked:
                return recording.body()
        where = difference(known[0].request, asked)
        return 409, wire.JSON, _told(f"the body is not the recorded one: {where}")


def _told(problem: str) -> bytes:
    return wire.encode({"error": {"message": f"Replay: {problem}.", "type": "replay_mismatch"}})


def difference(recorded: Any, asked: Any, at: str = "$") -> str:
    """The first place where two JSON values differ; empty when they are equal. It tells no value."""
    if isinstance(recorded, dict) and isinstance(asked, dict):
        for name in {**recorded, **asked}:
            if name not in asked:
                return f"{at}.{name} is missing"
            if name not in recorded:
                return f"{at}.{name} is too many"
            if found := difference(recorded[name], asked[name], f"{at}.{name}"):
                return found
        return ""
    if isinstance(recorded, list) and isinstance(asked, list):
        for index, (one, other) in enumerate(zip(recorded, asked, strict=False)):
            if found := difference(one, other, f"{at}[{index}]"):
                return found
        return "" if len(recorded) == len(asked) else f"{at} has {len(asked)} members and not {len(recorded)}"
    return "" if recorded == asked else f"{at} differs"
