"""The law of placements: the same texts under the same policy leave the same fact, byte for byte, whoever screens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingress.codecs.openai_chat import ChatAnswer, parse_request
from ingress.gateway.relay import Relay
from ingress.gateway.screening import Screening
from processors.compliance.bodies import texts_of
from processors.compliance.observe import judged
from processors.compliance.scanning import Scanner
from processors.compliance.work import ScreeningDesk
from projections.log.connection import LogConnection
from projections.screening import CompiledPack, Screener, compile_rules, load_builtin_rules, screened
from schemas.aggregates.policy import Policy
from schemas.screening.model import ACTIONS

_encode = msgspec.msgpack.encode
PACK: CompiledPack = compile_rules(load_builtin_rules())
RULES = [rule.id for rule in PACK.rules]
FRAGMENTS = (
    "mail me at jane.doe@example.com please",
    "card 4111 1111 1111 1111, thanks",
    "ssn 078-05-1120",
    "IBAN DE89 3704 0044 0532 0130 00",
    "call +1 202 555 0143",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIB",
    "key AKIAIOSFODNN7EXAMPL2 is mine",
    "ein ganz gewöhnlicher Satz — ohne alles 🦜",
    "",
)
texts = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=30), min_size=1, max_size=4).map(" ".join)
policies = st.builds(
    Policy,
    id=st.just("p"),
    tenant=st.just("a"),
    screen_requests=st.sampled_from([True, True, True, False]),
    screen_responses=st.sampled_from([True, True, True, False]),
    overrides=st.dictionaries(st.sampled_from(RULES), st.sampled_from(ACTIONS), max_size=6),
    disabled=st.lists(st.sampled_from(RULES), max_size=6).map(tuple),
)


class _Asked:
    """A message as the desk gets it."""

    def __init__(self, subject: str, data: bytes) -> None:
        self.subject, self.data, self.reply = subject, data, b"never answered"

    async def respond(self, reply: bytes) -> None:
        self.reply = reply


class _Wire:
    """Stands for NATS: what a gateway asks is put on the desk, and the answer comes back."""

    def __init__(self, scanner: Scanner) -> None:
        self.nc = self
        self.connected = True
        self._desk = ScreeningDesk(cast("LogConnection", self), scanner)

    async def request(self, subject: str, data: bytes, timeout: float) -> Any:  # noqa: ASYNC109  NATS's own name
        asked = _Asked(subject, data)
        await self._desk._take(cast("Any", asked))
        await self._desk.close()  # which waits for large texts
        return _Asked(subject, asked.reply)


@pytest.fixture(scope="module")
def rig() -> tuple[Screening, Scanner]:
    scanner = Scanner(PACK)
    return Screening(Screener(PACK), cast("LogConnection", _Wire(scanner))), scanner


async def _facts(
    rig: tuple[Screening, Scanner],
    stage: str,
    seen: Sequence[str],
    kept: bytes,
    policy: Policy,
    *,
    stream: bool = False,
) -> list[bytes]:
    """The fact's bytes by placement: inline, stream, observe."""
    screening, scanner = rig
    found = []
    for placement in ("inline", "stream"):
        verdict = await screening.verdict(placement, "a", "r", stage, seen, policy.screening(stage))
        assert verdict is not None
        found.append(_encode(screened(stage, verdict, sum(map(len, seen)))))
    read = texts_of(kept, stage, stream=stream)
    found.append(_encode(await judged(scanner, "a", read, stage, policy.screening(stage))))
    return found


def _request(contents: list[str]) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": text} for text in contents]}).encode()


@settings(max_examples=200)
@given(st.lists(texts, min_size=1, max_size=4), policies)
def test_requests(rig: tuple[Screening, Scanner], contents: list[str], policy: Policy) -> None:
    body = _request(contents)
    seen = [slot.text for slot in parse_request(body).texts()]
    inline, stream, observe = asyncio.run(_facts(rig, "request", seen, body, policy))
    assert inline == stream == observe


@settings(max_examples=200)
@given(st.lists(texts, max_size=4), policies)
def test_answers(rig: tuple[Screening, Scanner], contents: list[str], policy: Policy) -> None:
    raw = json.dumps({"choices": [{"message": {"role": "assistant", "content": text}} for text in contents]})
    _, slots = ChatAnswer(raw.encode()).decoded()
    seen = [slot.text for slot in slots]
    inline, stream, observe = asyncio.run(_facts(rig, "response", seen, raw.encode(), policy))
    assert inline == stream == observe


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 2), texts), max_size=8), policies)
def test_streamed_answers(rig: tuple[Screening, Scanner], pieces: list[tuple[int, str]], policy: Policy) -> None:
    screening, scanner = rig
    screener = screening.stream("a", policy.screening("response"))
    relay = Relay(screener, False, keep=True)
    for index, piece in pieces:
        chunk = {"choices": [{"index": index, "delta": {"content": piece}}]}
        relay.feed(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        if relay.blocked:
            # inline stops here; who only observes gets the rest as well, so there is nothing to compare
            return
    inline = _encode(screened("response", screener.finish(), screener.characters))
    read = texts_of(relay.kept(), "response", stream=True)
    observe = _encode(asyncio.run(judged(scanner, "a", read, "response", policy.screening("response"))))
    assert inline == observe


def test_the_law_is_about_something(rig: tuple[Screening, Scanner]) -> None:
    body = _request(list(FRAGMENTS[:7]))
    seen = [slot.text for slot in parse_request(body).texts()]
    found = asyncio.run(_facts(rig, "request", seen, body, Policy(id="p", tenant="a")))
    fact = msgspec.msgpack.decode(found[0])
    assert len(fact[4]) >= 5
    other = asyncio.run(_facts(rig, "request", seen, body, Policy(id="p", tenant="a", disabled=tuple(RULES))))
    assert other[0] != found[0]


def test_large_texts_too(rig: tuple[Screening, Scanner]) -> None:
    body = _request(["a long text with jane.doe@example.com in it. " * 5_000, FRAGMENTS[1]])
    seen = [slot.text for slot in parse_request(body).texts()]
    inline, stream, observe = asyncio.run(_facts(rig, "request", seen, body, Policy(id="p", tenant="a")))
    assert inline == stream == observe
    assert len(msgspec.msgpack.decode(inline)[4]) > 100
