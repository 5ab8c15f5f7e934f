"""Ready-made bytes of answers that differ only in name and time, which is most of them; made once, then filled in."""

from __future__ import annotations

from ops.mock import wire
from ops.mock.answer import Answer
from ops.mock.wire import Stamp

_IDENT, _CREATED = b"\x00" * 20, 10**9
_CREATED_TEXT = b'"created":%d,' % _CREATED
_MEMORY = 512
"""Templates kept; beyond it the memory starts anew, so that prompts of every length cannot fill it."""

_LONGEST = 256
"""Bytes of a model's name; a longer one is not kept."""


class Templates:
    """Bodies of answers to any request whose pieces are a tuple, that is, not an echo of the request.

    A control character cannot stand in JSON text, so the blank name is found in no other place; the blank time is
    found after the field's name, which quoting keeps apart from any text.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[Answer, bytes, bool, bool], bytes] = {}

    def completion(self, answer: Answer, stamp: Stamp, with_usage: bool) -> bytes:
        """As ``wire.completion``."""
        return self._filled(answer, stamp, with_usage, False)

    def stream(self, answer: Answer, stamp: Stamp, with_usage: bool) -> bytes:
        """All of ``wire.events`` in the chunked coding, its end included."""
        return self._filled(answer, stamp, with_usage, True)

    def _filled(self, answer: Answer, stamp: Stamp, with_usage: bool, stream: bool) -> bytes:
        key = (answer, stamp.model, with_usage, stream)
        template = self._known.get(key)
        if template is None:
            template = _made(answer, stamp.model, with_usage, stream)
            if len(self._known) >= _MEMORY:
                self._known.clear()
            if len(stamp.model) <= _LONGEST:
                self._known[key] = template
        return template.replace(_IDENT, stamp.ident).replace(_CREATED_TEXT, b'"created":%d,' % stamp.created)


def _made(answer: Answer, model: bytes, with_usage: bool, stream: bool) -> bytes:
    blank = Stamp(_IDENT, _CREATED, model)
    if not stream:
        return wire.completion(answer, blank, with_usage)
    frames = [wire.chunk(event) for group in wire.events(answer, blank, with_usage) for event in group]
    return b"".join(frames) + wire.LAST_CHUNK
