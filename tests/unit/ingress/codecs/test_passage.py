"""A stream that is written anew has one end, whatever a provider says behind it."""

from __future__ import annotations

import pytest

from benchmarks.fuzz.targets import CALLERS, STAMP
from ingress.codecs.codec import CallerCodec
from ingress.codecs.passage import Crossing
from ingress.codecs.registry import CHAT

TEXT = b'{"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "Three."}}}}'
END = b'{"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": {"tokens": {"input_tokens": 7}}}}'


@pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.name)
def test_nothing_is_written_behind_the_end(caller: CallerCodec) -> None:
    passage = Crossing(CHAT["cohere"], caller, STAMP, include_usage=True)
    assert passage.read("", TEXT, b"").frames
    ended = passage.read("", END, b"")
    assert ended.done and ended.frames
    for data in (TEXT, END):
        step = passage.read("", data, b"")
        assert not step.frames and b"".join(map(passage.written, passage.events("", data))) == b""
