"""Held streams: no part of a match is ever passed on, and where the bytes were cut changes nothing."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingress.codecs.anthropic.messages import ANTHROPIC_MESSAGES
from ingress.codecs.codec import ChatCodec
from ingress.codecs.gemini.generate import GEMINI_GENERATE
from ingress.codecs.openai.chat import OpenAIChat
from ingress.codecs.openai.responses import OPENAI_RESPONSES
from ingress.codecs.passage import Crossing, Stamp
from ingress.codecs.sse import SseParser
from ingress.gateway.holding import HoldingRelay
from ingress.gateway.screening import StreamScreening
from projections.screening import Screener, compile_rules, load_builtin_rules, redact
from schemas.conversation.answer import Delta
from schemas.facts.traffic import Usage
from schemas.screening.model import ScreeningPolicy

NAMES = ("secret.aws-access-key-id", "payment-card.number", "email.address")
SCREENER = Screener(compile_rules([rule for rule in load_builtin_rules() if rule.id in NAMES]))
KEY = "AKIA" + "Z7KQ3MVX2P4WTRJD"
CARD = "4111 1111 1111 1111"
MAIL = "jane.doe@acme-corp.com"
CALLERS: list[ChatCodec] = [OpenAIChat(), ANTHROPIC_MESSAGES, GEMINI_GENERATE, OPENAI_RESPONSES]
EACH = pytest.mark.parametrize("caller", CALLERS, ids=[codec.name for codec in CALLERS])
WORDS = st.sampled_from(["the ", "card is ", CARD, " and ", MAIL, "a", " ", "41", "1111 ", "x" * 40, "\n"])


def chunk(**fields: object) -> bytes:
    return b"data: " + msgspec.json.encode({"id": "x", "object": "chat.completion.chunk", **fields}) + b"\n\n"


def stream(pieces: list[str]) -> bytes:
    events = [chunk(choices=[{"index": 0, "delta": {"content": piece}, "finish_reason": None}]) for piece in pieces]
    end = chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
    usage = chunk(choices=[], usage={"prompt_tokens": 4, "completion_tokens": 9})
    return b"".join(events) + end + usage + b"data: [DONE]\n\n"


def run(data: list[bytes], caller: ChatCodec, *, whole: bool = False) -> tuple[bytes, HoldingRelay]:
    relay = HoldingRelay(StreamScreening(SCREENER, ScreeningPolicy()), True, keep=True, whole=whole)
    relay.through(Crossing(OpenAIChat(), caller, Stamp("id", "m", 1), include_usage=True))
    passed = b""
    for piece in data:
        passed += relay.feed(piece)
        if relay.blocked or relay.failed:
            return passed, relay
    return passed + relay.end(), relay


def text_of(passed: bytes, caller: ChatCodec) -> str:
    reader = caller.reader()
    events = [told for each in SseParser().feed(passed) for told in reader.read(each.event.decode(), each.data)]
    return "".join(event.text for event in events if isinstance(event, Delta))


def cut(text: str, cuts: list[int]) -> list[str]:
    edges = [0, *sorted(min(each, len(text)) for each in cuts), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(edges) if a < b]


def test_texts_that_do_not_wait_are_shown_to_hooks_as_they_were_passed_on() -> None:
    _, relay = run([stream(["my mail is ", MAIL, ", thanks"])], CALLERS[0])
    assert list(relay.lanes().values()) == [f"my mail is {MAIL}, thanks"]


@EACH
@settings(max_examples=25)
@given(words=st.lists(WORDS, max_size=8), cuts=st.lists(st.integers(0, 200), max_size=8))
def test_what_is_passed_is_the_redacted_whole(caller: ChatCodec, words: list[str], cuts: list[int]) -> None:
    text = "".join(words)
    passed, relay = run([stream(cut(text, cuts))], caller)
    (wanted,) = redact([text], SCREENER.screen([text], "response")) if text else ("",)
    assert (text_of(passed, caller), relay.done, relay.blocked) == (wanted, True, False)
    assert relay.usage == Usage(4, 9)
    if text:
        assert msgspec.json.decode(relay.kept())["texts"] == {"0.0": wanted}


@settings(max_examples=25)
@given(cuts=st.lists(st.integers(0, 120), max_size=8), whole=st.booleans())
def test_the_arguments_of_a_tool_stay_json(cuts: list[int], whole: bool) -> None:
    arguments = '{"to": "pay \\"4111 1111 1111 1111\\"", "card": 4111111111111111, "all": [4111111111111111]}'
    function = {"name": "pay", "arguments": ""}
    events = [
        chunk(choices=[{"index": 0, "delta": {"tool_calls": [{"index": 0, **call}]}, "finish_reason": None}])
        for call in (
            {"id": "c", "type": "function", "function": function},
            *({"function": {"arguments": piece}} for piece in cut(arguments, cuts)),
        )
    ]
    end = chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "tool_calls"}])
    passed, relay = run([b"".join(events) + end + b"data: [DONE]\n\n"], CALLERS[0], whole=whole)
    mark = "[REDACTED:payment-card]"
    told = msgspec.json.decode(text_of(passed, CALLERS[0]))
    assert (told, relay.done) == ({"to": f'pay "{mark}"', "card": mark, "all": [mark]}, True)


@EACH
@settings(max_examples=15)
@given(words=st.lists(WORDS | st.just(KEY), max_size=8), cuts=st.lists(st.integers(0, 4_000), max_size=8))
@pytest.mark.parametrize("whole", [False, True])
def test_where_the_bytes_are_cut_changes_nothing(
    caller: ChatCodec, whole: bool, words: list[str], cuts: list[int]
) -> None:
    data = stream(words)
    edges = [0, *sorted(min(each, len(data)) for each in cuts), len(data)]
    one, first = run([data], caller, whole=whole)
    two, second = run([data[a:b] for a, b in itertools.pairwise(edges)], caller, whole=whole)
    assert (one, first.blocked, first.done, first.kept()) == (two, second.blocked, second.done, second.kept())


@EACH
@pytest.mark.parametrize("size", [1, 3, 7, 400])
@pytest.mark.parametrize("behind", ["", " and so on" * 40])
def test_no_part_of_what_blocks_is_passed(caller: ChatCodec, size: int, behind: str) -> None:
    text = "take this key " + KEY + behind
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    passed, relay = run([stream(pieces)], caller)
    assert relay.blocked and not relay.done
    told = text_of(passed, caller)
    assert "take this key ".startswith(told)
    assert "AKIA" not in told


@EACH
def test_a_buffered_answer_that_blocks_is_not_told_at_all(caller: ChatCodec) -> None:
    passed, relay = run([stream(["take ", KEY, " now"])], caller, whole=True)
    assert relay.blocked and text_of(passed, caller) == ""
