"""What a codec does with bytes, from end to end, as the gateway has it do it. Raises whatever the codec raises."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import msgspec

from ingress.codecs.answered import CrossedAnswer, PlainAnswer
from ingress.codecs.asked import Asked, parse
from ingress.codecs.aws_events import AwsEventError, AwsEventParser
from ingress.codecs.codec import CallerCodec, Malformed
from ingress.codecs.fronts import COMPLETIONS, GENERATE, MESSAGES, RESPONSES
from ingress.codecs.openai_chat import CODEC, ChatAnswer, parse_chunk, parse_request
from ingress.codecs.passage import Crossing, Looking, Stamp
from ingress.codecs.registry import CHAT, IN_PATH, ONE_SHOT
from ingress.codecs.shot_fronts import COUNT_TOKENS, EMBEDDINGS, GEMINI_COUNT, GEMINI_EMBED, MODERATIONS, RERANK
from ingress.codecs.shots import ShotFront, parse_shot
from ingress.codecs.sse import SseError, SseParser
from schemas.errors import InvalidRequest
from schemas.tokens import has_media, most_beside_texts

STAMP = Stamp("id", "model", 1)
CALLERS: tuple[CallerCodec, ...] = (CODEC, *(front.codec for front in (RESPONSES, MESSAGES, GENERATE, COMPLETIONS)))
FRONTS = {"openai_responses": RESPONSES, "anthropic": MESSAGES, "gemini": GENERATE, "openai_completions": COMPLETIONS}
SHOTS = {
    front.shot.name: front for front in (EMBEDDINGS, MODERATIONS, RERANK, GEMINI_EMBED, COUNT_TOKENS, GEMINI_COUNT)
}
NAMED = (InvalidRequest, Malformed, SseError, AwsEventError)
"""What a codec may raise, each with a text for who reads it."""

_encode = msgspec.json.Encoder().encode
Run = Callable[[bytes, tuple[int, ...]], int]
"""Takes bytes, and where they are split when they come in pieces; gives how many named errors were met on the way."""


class Grown(Exception):
    """More was kept or made than the input accounts for."""


def targets() -> dict[tuple[str, str], Run]:
    """(codec, surface) to what is run: `request`, `answer`, `stream`, `error`."""
    found: dict[tuple[str, str], Run] = {}
    for name in (*CHAT, *ONE_SHOT):
        found[name, "error"] = partial(_error, name)
        found[name, "answer"] = partial(_answer if name in CHAT else _shot_answer, name)
        if name == CODEC.name or name in FRONTS or name in SHOTS:
            found[name, "request"] = partial(_request, name)
        if name in CHAT:
            found[name, "stream"] = partial(_stream, name)
    return found


def _request(name: str, raw: bytes, cuts: tuple[int, ...]) -> int:
    named = 0
    said = {"model": "m"} if "model" in IN_PATH.get(name, ()) else None
    request: Asked
    if name == CODEC.name:
        request = parse_request(raw)
    elif name in FRONTS:
        request = parse(raw, FRONTS[name], said)
    else:
        request = parse_shot(raw, SHOTS[name], said)
    request.texts()
    has_media(request.body)
    most_beside_texts(request.body, "gpt-4o", 1_000)
    _encode(request.same("m", 100))
    for codec in _others(name):
        try:
            _encode(request.crossed(codec, "m", 100).body)
        except InvalidRequest as error:
            named += _told(error)
    return named


def _others(name: str) -> Iterable[Any]:
    if name in CHAT:
        return [codec for codec in CHAT.values() if codec.name != "openai_completions" or name == codec.name]
    kind = SHOTS[name].kind
    family = {
        "embeddings": "embeddings", "rerank": "rerank", "moderations": "moderations", "count_tokens": "count_tokens"
    }[kind]  # fmt: skip
    return [codec for codec in ONE_SHOT.values() if codec.name.endswith(family)]


def _answer(name: str, raw: bytes, cuts: tuple[int, ...]) -> int:
    codec, named = CHAT[name], 0
    if name == CODEC.name:
        try:
            ChatAnswer(raw).decoded()
        except NAMED as error:
            named += _told(error)
    for caller in CALLERS:
        try:
            if caller.name == name:
                PlainAnswer(raw, codec).decoded()
            else:
                crossed = CrossedAnswer(raw, codec, caller, STAMP)
                crossed.decoded()
                _encode(crossed.decoded()[0])
        except NAMED as error:
            named += _told(error)
    return named


def _shot_answer(name: str, raw: bytes, cuts: tuple[int, ...]) -> int:
    """As each front that asks for this kind of thing is answered."""
    codec, named = ONE_SHOT[name], 0
    fronts = [front for front in SHOTS.values() if name.endswith(_kind_of(front))]
    for front in fronts:
        asked = parse_shot(_encode(_SMALL[front.shot.name]), front)
        try:
            asked.answered(raw, codec, STAMP).decoded()
        except NAMED as error:
            named += _told(error)
    if not fronts:
        codec.read_answer(raw)
    return named


def _kind_of(front: ShotFront) -> str:
    return front.kind


_SAID = [{"role": "user", "content": "x"}]
_PARTS = [{"parts": [{"text": "x"}]}]
_SMALL: dict[str, dict[str, Any]] = {
    "openai_embeddings": {"model": "m", "input": ["x", "y"]},
    "openai_moderations": {"model": "m", "input": "x"},
    "cohere_rerank": {"model": "m", "query": "x", "documents": ["x", "y"]},
    "gemini_embeddings": {"model": "m", "content": _PARTS[0]},
    "anthropic_count_tokens": {"model": "m", "messages": _SAID},
    "gemini_count_tokens": {"model": "m", "contents": _PARTS},
}


def _stream(name: str, raw: bytes, cuts: tuple[int, ...]) -> int:
    """The bytes in the pieces that they come in, read for callers of the same protocol and of every other."""
    codec = CHAT[name]
    aws = name == "bedrock"
    parser: Any = AwsEventParser() if aws else SseParser()
    passages = [
        Looking(codec) if caller.name == name else Crossing(codec, caller, STAMP, include_usage=True)
        for caller in CALLERS
    ]
    broken: set[int] = set()
    written = named = 0
    edges = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    for start, end in itertools.pairwise(edges):
        for event in parser.feed(raw[start:end]):
            if name == CODEC.name:
                try:
                    parse_chunk(event.data)
                except Malformed as error:
                    named += _told(error)
            for number, passage in enumerate(passages):
                if number in broken:
                    continue
                try:
                    step = passage.read(event.event.decode(errors="replace"), event.data, event.raw)
                except NAMED as error:
                    named += _told(error)
                    broken.add(number)
                    continue
                written += sum(len(frame.raw) for frame in step.frames)
                if step.failed:
                    broken.add(number)
        if parser.pending > end:
            raise Grown(f"{parser.pending} bytes are kept of {end}")
    for number, passage in enumerate(passages):
        if number not in broken:
            written += sum(len(frame.raw) for frame in passage.end().frames)
    if written > 100_000 + 400 * len(raw):
        raise Grown(f"{written} bytes were written for {len(raw)}")
    return named


def _error(name: str, raw: bytes, cuts: tuple[int, ...]) -> int:
    told = (CHAT[name] if name in CHAT else ONE_SHOT[name]).read_error(raw)
    for text in (told.message, told.code, told.param or ""):
        if not isinstance(text, str):
            raise TypeError(f"an error's field is {type(text).__name__}")
    return 0


def _told(error: Exception) -> int:
    if not str(error) and not getattr(error, "message", ""):
        raise ValueError(f"{type(error).__name__} says nothing") from error
    return 1
