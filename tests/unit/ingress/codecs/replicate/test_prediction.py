"""What to ask of Replicate next, and what its predictions say."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ingress.codecs.codec import Malformed, ToldError
from ingress.codecs.registry import CHAT
from ingress.codecs.replicate.prediction import metrics_of, next_call, read_answer, status_of
from schemas.conversation.answer import Ended, Event, Failed, Finished, Used
from schemas.facts.traffic import Usage

GET = "https://api.replicate.com/v1/predictions/p1"
STREAM = "https://stream.replicate.com/v1/p1"


def prediction(status: str, **more: Any) -> bytes:
    return msgspec.json.encode({"id": "p1", "status": status, "urls": {"get": GET, "cancel": f"{GET}/cancel"}, **more})


@pytest.mark.parametrize("status", ["starting", "processing", "queued"])
def test_a_running_prediction_is_asked_for_again(status: str) -> None:
    assert next_call(prediction(status)) == ("GET", GET)
    with pytest.raises(Malformed, match="not ended"):
        read_answer(prediction(status))


@pytest.mark.parametrize("status", ["succeeded", "failed", "canceled", "aborted"])
def test_one_that_has_ended_is_not(status: str) -> None:
    assert next_call(prediction(status)) is None
    assert next_call(prediction(status), stream=True) is None


def test_a_stream_is_asked_for_where_there_is_one() -> None:
    urls = {"get": GET, "stream": STREAM}
    assert next_call(prediction("starting", urls=urls), stream=True) == ("GET", STREAM)
    assert next_call(prediction("succeeded", urls=urls), stream=True) == ("GET", STREAM)
    assert next_call(prediction("failed", urls=urls), stream=True) is None
    assert next_call(prediction("starting"), stream=True) == ("GET", GET)
    assert next_call(prediction("starting", urls=urls)) == ("GET", GET)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "javascript:x", ""])
def test_nothing_but_the_web_is_asked(url: str) -> None:
    assert next_call(prediction("starting", urls={"get": url})) is None


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"status": 1}', b'{"status": "starting", "urls": []}'])
def test_what_is_no_prediction_is_refused(raw: bytes) -> None:
    with pytest.raises(Malformed):
        next_call(raw)


@pytest.mark.parametrize("status", ["failed", "canceled", "aborted"])
def test_one_that_did_not_succeed_is_an_error_and_no_answer(status: str) -> None:
    with pytest.raises(ToldError) as caught:
        read_answer(prediction(status, error="out of memory"))
    assert (caught.value.told.message, caught.value.told.code) == ("out of memory", status)


def test_a_stream_ends_with_done_or_not_well() -> None:
    reader = CHAT["replicate"].reader()
    reader.read("output", b"a")
    assert reader.end() == []
    ended = reader.read("done", b"{}")
    assert [type(event) for event in ended[1:]] == [Finished, Ended]
    (failed,) = [event for event in CHAT["replicate"].reader().read("done", b'{"reason":"canceled"}')][1:]
    assert isinstance(failed, Failed)
    assert failed.code == "canceled"


def test_output_that_is_no_text_is_refused() -> None:
    with pytest.raises(Malformed):
        CHAT["replicate"].reader().read("output", b"\xff")


@pytest.mark.parametrize(
    ("metrics", "used"),
    [
        ({"input_token_count": 7, "output_token_count": 3, "predict_time": 0.4}, [Used(Usage(7, 3))]),
        ({"predict_time": 0.4}, []),
        (None, []),
    ],
)
def test_what_a_stream_took_is_told_where_the_prediction_says_it(metrics: Any, used: list[Event]) -> None:
    frame = metrics_of(prediction("succeeded", output=["Hi"], metrics=metrics))
    assert bool(frame) is bool(used)
    if frame:
        assert frame.startswith(b"event: metrics\ndata: ") and frame.endswith(b"\n\n")
        data = frame.partition(b"data: ")[2].strip()
        assert CHAT["replicate"].reader().read("metrics", data)[1:] == used


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{}", b'{"input_token_count": -1}', b"\xff"])
def test_metrics_that_say_nothing_are_passed_over(data: bytes) -> None:
    for event in CHAT["replicate"].reader().read("metrics", data)[1:]:
        assert isinstance(event, Used) and event.usage == Usage()


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (prediction("succeeded", output="E005"), 0, ""),
        (prediction("processing", error="E005"), 0, ""),
        (b'{"detail": "no prediction"}', 0, ""),
        (b"event: output\ndata: event: error\n\n", 0, ""),
        (b"event: output\ndata: {}\n\nevent: error\ndata: {}\n\n", 0, ""),
        (b"", 0, ""),
        (prediction("failed", error="Prediction failed"), 502, ""),
        (prediction("failed"), 502, ""),
        (prediction("failed", error={"detail": "x"}), 502, ""),
        (prediction("canceled"), 503, ""),
        (prediction("aborted"), 504, ""),
        (prediction("failed", error="The input or output was flagged as sensitive. (E005)"), 400, "content_filter"),
        (prediction("failed", error="Service is currently unavailable due to high demand. (E003)"), 429, ""),
        (prediction("failed", error="E6716: Timeout starting prediction"), 504, ""),
        (prediction("canceled", error="Model out of memory (E1001)"), 413, ""),
        (prediction("failed", error="unheard of (E7777)"), 502, ""),
        (b'event: error\ndata: {"detail": "flagged as sensitive (E005)"}\n\n', 400, "content_filter"),
        (b'event: error\nid: 1\ndata: {"detail": "no"}\n\n', 502, ""),
        (b"event: error\ndata: no\n\n", 502, ""),
    ],
)
def test_a_failure_comes_under_the_status_that_others_say_it_by(raw: bytes, status: int, code: str) -> None:
    assert status_of(raw) == status
    assert not status or CHAT["replicate"].read_error(raw).code == code
