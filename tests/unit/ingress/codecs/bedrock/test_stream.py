"""ConverseStream's own turns: errors by name, kinds that nobody knows, ends that never came."""

from __future__ import annotations

import msgspec
import pytest

from ingress.codecs.aws_events import AwsEventParser
from ingress.codecs.bedrock.stream import ConverseReader
from ingress.codecs.codec import Malformed
from schemas.conversation.answer import Delta, Ended, Event, Failed, Finished, PartBegun, PartEnded, Signed
from tests.unit.ingress.codecs.playing import bedrock_message


def read(*told: tuple[str, dict[str, object]]) -> list[Event]:
    reader = ConverseReader()
    events = [event for name, body in told for event in reader.read(name, msgspec.json.encode(body))]
    return [*events, *reader.end()]


@pytest.mark.parametrize("name", ["modelStreamErrorException", "throttlingException", "internalServerException"])
def test_an_exception_ends_the_stream_with_its_name(name: str) -> None:
    (message,) = AwsEventParser().feed(bedrock_message(name, {"message": "It broke."}, "exception"))
    assert ConverseReader().read(message.event.decode(), message.data) == [Failed("It broke.", name)]


def test_what_nobody_knows_is_passed_over() -> None:
    assert read(("somethingNew", {"contentBlockIndex": 0})) == []
    assert read(("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"citation": {"title": "a"}}})) == []


def test_a_stream_without_its_metadata_has_ended_all_the_same() -> None:
    assert read(("messageStop", {"stopReason": "end_turn"})) == [Finished(0, "stop"), Ended()]
    assert read(("messageStart", {"role": "assistant"}))[1:] == []


def test_blocks_without_an_end_are_ended() -> None:
    told = read(
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "a"}}),
        ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "b"}}),
        ("messageStop", {"stopReason": "max_tokens"}),
    )
    assert told == [
        PartBegun(0, 0, "text"), Delta(0, 0, "a"), PartEnded(0, 0), PartBegun(0, 1, "text"), Delta(0, 1, "b"),
        PartEnded(0, 1), Finished(0, "length"), Ended(),
    ]  # fmt: skip


def test_a_signature_alone_is_a_thought() -> None:
    delta = {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "c2ln"}}}
    assert read(("contentBlockDelta", delta)) == [PartBegun(0, 0, "thinking"), Signed(0, 0, "c2ln")]


def test_arguments_without_a_call_are_refused() -> None:
    with pytest.raises(Malformed, match="no call"):
        read(("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": "{}"}}}))
