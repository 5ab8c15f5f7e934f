"""Measures what it costs to carry a request and its answer from one protocol into another, and back."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from benchmarks.history import Figure
from benchmarks.report import finish, options, say
from ingress.codecs.anthropic.messages import ANTHROPIC_MESSAGES
from ingress.codecs.codec import ChatCodec
from ingress.codecs.gemini.generate import GEMINI_GENERATE
from ingress.codecs.openai.chat import OpenAIChat
from ingress.codecs.openai.responses import OPENAI_RESPONSES
from ingress.codecs.passage import Crossing, Stamp, cross_answer
from ingress.codecs.sse import SseParser
from schemas.conversation.answer import Answer, Begun, Choice, Delta, Ended, Event, Finished, PartBegun, PartEnded, Used
from schemas.conversation.ask import Conversation
from schemas.conversation.parts import Message, Text
from schemas.facts.traffic import Usage

CODECS: tuple[ChatCodec, ...] = (OpenAIChat(), OPENAI_RESPONSES, ANTHROPIC_MESSAGES, GEMINI_GENERATE)
PLAIN_US, CHUNK_US = 60.0, 10.0
"""Targets: a request of 1 KB with its answer, and one chunk of a stream."""
CHUNKS = 200
STAMP = Stamp("request", "model", 1_790_000_000)
_encode = msgspec.json.encode


def least(call: Callable[[], object], batch_s: float, batches: int) -> float:
    """Microseconds of CPU of one call, the least of several batches: other work on the machine is none of ours."""
    call()
    best = 1e9
    for _ in range(batches):
        calls, started = 0, time.thread_time()
        while (spent := time.thread_time() - started) < batch_s:
            call()
            calls += 1
        best = min(best, spent / calls)
    return best * 1e6


def plain(front: ChatCodec, back: ChatCodec) -> Callable[[], object]:
    """A request of 1 KB across, and its answer back; without the decoding that every request pays for anyway."""
    asked = Conversation(
        model="m",
        max_output=100,
        messages=(Message("system", (Text("Be brief."),)), Message("user", (Text("a" * 900),))),
    )
    body = front.write_request(asked).body
    raw = _encode(
        back.write_answer(Answer(id="a", model="m", choices=(Choice((Text("b" * 600),)),), usage=Usage(9, 9)))
    )

    def call() -> object:
        _encode(back.write_request(front.read_request(body)).body)
        return _encode(cross_answer(raw, back, front, STAMP).body)

    return call


def stream(front: ChatCodec, back: ChatCodec) -> Callable[[], object]:
    """A stream of `CHUNKS` pieces from the provider's bytes to the caller's."""
    told: list[Event] = [Begun("a", "m", 1), PartBegun(0, 0, "text")]
    told += [Delta(0, 0, "word ") for _ in range(CHUNKS)]
    told += [PartEnded(0, 0), Finished(0, "stop"), Used(Usage(9, CHUNKS)), Ended()]
    writer = back.writer(include_usage=True)
    events = SseParser().feed(b"".join(map(writer.write, told)))

    def call() -> object:
        crossing = Crossing(back, front, STAMP, include_usage=True)
        for event in events:
            for frame in crossing.read(event.event.decode(), event.data, event.raw).frames:
                bytes(frame.raw)
        return crossing.end()

    return call


def main(arguments: list[str] | None = None) -> int:
    given = options("crossing", __doc__).parse_args(arguments)
    batch_s, batches = (0.02, 3) if given.quick else (0.1, 8)
    figures: list[Figure] = []
    lines = [f"{'caller':18} {'provider':18} {'1 KB, µs':>10} {'a chunk, µs':>12}"]
    for front in CODECS:
        for back in CODECS:
            if front is back:
                continue
            say(f"{front.name} over {back.name}")
            both = least(plain(front, back), batch_s, batches)
            chunk = least(stream(front, back), batch_s, batches) / CHUNKS
            name = f"{front.name} over {back.name}"
            figures += [_figure(f"{name}, 1 KB", both, PLAIN_US), _figure(f"{name}, a chunk", chunk, CHUNK_US)]
            lines.append(f"{front.name:18} {back.name:18} {both:10.1f} {chunk:12.2f}")
    return finish("crossing", given, figures, "\n".join(lines))


def _figure(name: str, value: float, target: float) -> Figure:
    return Figure(name, round(value, 2), "µs", "less", target)
