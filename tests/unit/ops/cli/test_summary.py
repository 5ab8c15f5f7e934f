"""Every fact in a few words, on one line, whatever stands in it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given

from ops.cli.summary import WIDEST, summary
from schemas.codec import fact_view
from schemas.envelope import Fact
from schemas.facts.traffic import RequestAborted, RequestCompleted, Usage
from schemas.registry import NAME_OF
from tests.golden.examples import EXAMPLES
from tests.golden.files import example
from tests.unit.schemas.strategies import facts


def told(data: msgspec.Struct) -> str:
    return summary(NAME_OF[type(data)], fact_view(example(data))["data"])


@given(facts())
def test_any_fact_fits_on_a_line_that_moves_no_cursor(value: Fact) -> None:
    text = summary(value.type, fact_view(value)["data"])
    assert len(text) <= WIDEST
    assert text.isprintable()


@pytest.mark.parametrize("data", EXAMPLES, ids=lambda data: NAME_OF[type(data)])
def test_every_fact_has_words(data: msgspec.Struct) -> None:
    assert len(told(data)) > 5


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("log.checkpointed.v1", f"#12 root {'52' * 32} through TRAFFIC:97, 1 chains moved"),
        ("request.accepted.v1", "chat.completions gpt-4o stream key=key-1a2b3c4d5e6f 512 bytes strict"),
        ("request.screened.v1", "request: redact by pii.email, 2 hits in 420 characters"),
        ("request.routed.v1", "chat (fallback): west/gpt-4o skipped east/gpt-4o reserved $0.041500"),
        ("provider.called.v1", "#2 east east/gpt-4o: status 503 in 812.0 ms"),
        ("spend.recorded.v1", "12 requests, $0.008400, TRAFFIC 41 to 97"),
        ("threshold.crossed.v1", "november in 2026-11-20: 75 %, $18.750001 of $25.000000"),
        ("circuit.closed.v1", "account=east"),
        ("tenant.created.v1", "id=acme-labs name=Acme Labs parent=acme enabled=False"),
        ("tenant.removed.v1", "reason=replaced by the new account"),
    ],
)
def test_words_by_hand(name: str, words: str) -> None:
    (data,) = (data for data in EXAMPLES if NAME_OF[type(data)] == name)
    assert told(data) == words


def test_ends_by_hand() -> None:
    usage = Usage(input_tokens=12, output_tokens=5)
    done = RequestCompleted(status=200, model="mock/gpt-4o", usage=usage, cost_micros=80, latency_us=1_234_567)
    assert told(done) == "200 mock/gpt-4o 12+5 tokens $0.000080 1,234.6 ms"
    assert told(RequestAborted(model_requested="gpt-4o", code="client_closed", stage="call")) == (
        "- client_closed at call gpt-4o"
    )


def test_what_cannot_be_read_is_said() -> None:
    assert summary("weather.changed.v1", {"undecoded": [1]}) == "(of a newer version)"
    assert summary("request.completed.v1", None) == "(damaged)"


def test_secrets_of_a_spec_stay_out() -> None:
    assert "twelve bytes" not in told(EXAMPLES[3])
    assert "sealed" not in told(EXAMPLES[3])
