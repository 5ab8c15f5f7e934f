"""The relay: any chunking of a provider's stream passes the same bytes on and tells the same story."""

from __future__ import annotations

import itertools

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ingress.gateway.relay import Relay
from ingress.gateway.screening import MOST_LANES, StreamScreening
from projections.screening import Screener, compile_rules, load_builtin_rules
from schemas.facts.traffic import Usage
from schemas.screening.model import ScreeningPolicy

RULES = [rule for rule in load_builtin_rules() if rule.id.startswith("secret.aws-")]
SCREENER = Screener(compile_rules(RULES))


def chunk(**fields: object) -> bytes:
    return b"data: " + msgspec.json.encode({"id": "x", "object": "chat.completion.chunk", **fields}) + b"\n\n"


def answer(*words: str) -> bytes:
    events = [chunk(choices=[{"index": 0, "delta": {"content": word}, "finish_reason": None}]) for word in words]
    end = chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
    usage = chunk(choices=[], usage={"prompt_tokens": 4, "completion_tokens": len(words)})
    return b"".join(events) + end + usage + b"data: [DONE]\n\n"


def run(pieces: list[bytes], include_usage: bool = False) -> tuple[bytes, Relay]:
    relay = Relay(StreamScreening(SCREENER, ScreeningPolicy()), include_usage, keep=True)
    passed = b""
    for piece in pieces:
        passed += relay.feed(piece)
        if relay.blocked or relay.failed:
            break
    return passed, relay


@given(st.lists(st.text(max_size=6), max_size=6), st.lists(st.integers(0, 2_000), max_size=10))
def test_any_chunking_is_the_same(words: list[str], cuts: list[int]) -> None:
    stream = answer(*words)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    whole, first = run([stream])
    parts, second = run([stream[a:b] for a, b in itertools.pairwise(edges)])
    assert parts == whole
    assert (second.usage, second.finish_reason, second.output_bytes, second.done, second.kept()) == (
        first.usage,
        first.finish_reason,
        first.output_bytes,
        first.done,
        first.kept(),
    )


def test_the_usage_event_is_only_for_those_who_asked() -> None:
    stream = answer("a", "b")
    passed, relay = run([stream])
    assert relay.usage == Usage(4, 2) and b"usage" not in passed and relay.done
    assert run([stream], include_usage=True)[0] == stream


def test_a_secret_over_several_events_stops_the_stream() -> None:
    secret = "AKIA" + "Z7KQ3MVX2P4WTRJD"
    passed, relay = run([answer("take ", secret[:7], secret[7:], " now ", "and more" * 40)])
    assert relay.blocked and not relay.done and b"and more" not in passed


def test_an_error_event_and_nonsense_end_the_stream() -> None:
    for bad in (b'data: {"error":{"message":"boom"}}\n\n', b"data: {oops\n\n"):
        passed, relay = run([chunk(choices=[]) + bad + answer("x")])
        assert relay.failed and not relay.done and b"boom" not in passed


def test_an_answer_of_ever_more_texts_is_not_understood() -> None:
    events = (
        chunk(choices=[{"index": number, "delta": {"content": "a"}, "finish_reason": None}])
        for number in range(MOST_LANES + 1)
    )
    _, relay = run(list(events))
    assert relay.failed and len(relay._screening._lanes) == MOST_LANES
