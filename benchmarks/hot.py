"""The hot functions of a request as calls on fixed input, and the child that makes them under a counter.

`python -m benchmarks.hot PACK CALLS` marks the borders between them by a call of libc's `sched_get_priority_max`, which
nothing else here makes: for each function one mark, CALLS calls, a mark, 2 × CALLS calls, a mark.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks import made
from benchmarks.exchange import exchange
from ingress.codecs import openai_chat
from ingress.gateway.relay import Relay
from ingress.gateway.screening import StreamScreening
from projections.log.reader import Message
from projections.rows import rows_of
from projections.screening import CompiledPack, Screener, screen_step
from projections.vault.bodies import BodyVault
from projections.vault.data_keys import DataKey
from projections.vault.vault import Vault
from schemas import codec
from schemas.ids import Ids
from schemas.screening.model import ScreeningPolicy

KILOBYTE = ("The quick brown fox jumps over the lazy dog while nobody is watching it. " * 15)[:1024]
CHUNKS = 50
REQUESTS = 16
"""In a segment."""
WARM = 30
"""Calls before the first mark: the interpreter specialises, caches fill."""


class Steps:
    """A clock on which every look takes a microsecond, so that every run counts the same."""

    def __init__(self) -> None:
        self._now = 1_790_000_000_000_000

    def now_us(self) -> int:
        self._now += 1
        return self._now

    def monotonic(self) -> float:
        return 1.0


def functions(screener: Screener) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Each by the name under which its count is kept."""
    yield "reference: pure Python", _reference
    yield "parse, texts, encode: 1 KB chat", _chat()
    policy = ScreeningPolicy()
    yield "screen_step: 1 KB", lambda: screen_step(screener, [KILOBYTE], "request", policy)
    yield "fact, encode_fact: a request's six", _facts()
    yield "seal: 1 KB", _seal()
    yield "a whole request without sockets: 0.5 KB", exchange(screener, Steps(), KILOBYTE[:512], 1)
    yield f"relay: stream of {CHUNKS} chunks", _relay(screener)
    segment = next(made.segments(REQUESTS * made.FACTS_A_REQUEST, "boot", REQUESTS))[1]
    yield f"decode_segment, rows_of: {REQUESTS} requests", lambda: rows_of([_stored(segment)])


def _stored(payload: bytes) -> Message:
    """Anew for each call: what is made of a message is kept with it."""
    return Message("TRAFFIC", 1, "traffic.0", payload, 1_790_000_000_000_000, "")


def _reference() -> int:
    """What tells one build of Python from another: nothing in it is ours."""
    found: dict[str, int] = {}
    for number in range(200):
        name = f"name-{number % 20}"
        found[name] = found.get(name, 0) + number
    return sum(value for name, value in found.items() if name.endswith("5"))


def _chat() -> Callable[[], Any]:
    message = {"role": "user", "content": KILOBYTE}
    body = msgspec.json.encode({"model": "mock/gpt-4o", "messages": [message], "stream": False})

    def call() -> bytes:
        request = openai_chat.parse_request(body)
        request.texts()
        written: bytes = msgspec.json.encode(request.same("gpt-4o", None))
        return written

    return call


def _facts() -> Callable[[], Any]:
    clock = Steps()
    ids = Ids(clock)
    datas = [data for fact in made.Requests().facts() if (data := codec.open_fact(fact)) is not None]

    def call() -> None:
        last = ""
        for data in datas:
            fact = codec.fact(
                data,
                id=ids.new(),
                time=clock.now_us(),
                tenant="tenant",
                actor="key:caller",
                correlation="0190c5d0-0000-7000-8000-000000000000",
                causation=last,
            )
            last = fact.id
            codec.encode_fact(fact)

    return call


def _seal() -> Callable[[], Any]:
    bodies = BodyVault(None, Vault(bytes(32)), clock=Steps())  # type: ignore[arg-type]  # the key is known: no I/O
    bodies._keys._known["tenant", "subject"] = DataKey("1", AESGCM(bytes(32)), 1.0)
    body = KILOBYTE.encode()

    def call() -> None:
        sealed = bodies.seal_now("tenant", "subject", "0190c5d0-0000-7000-8000-000000000000", "request", body)
        assert sealed is not None

    return call


def _relay(screener: Screener) -> Callable[[], Any]:
    policy = ScreeningPolicy()
    words = KILOBYTE.split(" ")

    def event(delta: dict[str, str], finish: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
        return b"data: " + msgspec.json.encode({**chunk, "choices": [choice]}) + b"\n\n"

    events = [event({"content": f"{words[number]} "}, None) for number in range(CHUNKS)]
    events += [event({}, "stop"), b"data: [DONE]\n\n"]

    def call() -> None:
        screening = StreamScreening(screener, policy)
        relay = Relay(screening, False, keep=True)
        for piece in events:
            relay.feed(piece)
        screening.finish()
        relay.kept()
        assert relay.done

    return call


def main(pack: str, calls: int) -> int:
    """Prints the names, one a line, in the order of the marks."""
    for name, call in functions(Screener(CompiledPack.from_bytes(Path(pack).read_bytes()))):
        print(name, flush=True)
        for _ in range(WARM):
            call()
        gc.collect()
        gc.disable()
        os.sched_get_priority_max(0)
        for _ in range(calls):
            call()
        os.sched_get_priority_max(0)
        for _ in range(2 * calls):
            call()
        os.sched_get_priority_max(0)
        gc.enable()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
