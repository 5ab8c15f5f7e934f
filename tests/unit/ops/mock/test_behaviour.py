"""The grammar of model names and headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.mock.behaviour import HEADERS, PLAIN, Behaviour, Names, from_name
from ops.mock.refusal import Refusal


@pytest.mark.parametrize(
    ("name", "behaviour"),
    [
        ("gpt-4o", PLAIN),
        ("openai/gpt-4o", PLAIN),
        ("ft:gpt-4o:acme::abc", PLAIN),
        ("mock-echo", Behaviour(mode="echo")),
        ("mock/echo", Behaviour(mode="echo")),
        ("delay-50ms", Behaviour(delay_ms=50)),
        ("delay-1.5s", Behaviour(delay_ms=1500)),
        ("gpt-4o+token-5", Behaviour(token_ms=5)),
        ("error-500", Behaviour(error=500)),
        ("gpt-4o:error-429:retry-after-2", Behaviour(error=429, retry_after=2)),
        ("error-rate-0.25+error-503", Behaviour(error=503, error_rate=0.25)),
        ("tokens-400+disconnect-after-3", Behaviour(tokens=400, disconnect_after=3)),
        ("disconnect-after-0", Behaviour(disconnect_after=0)),
        ("mock-hang", Behaviour(hang=True)),
        ("gpt-4o+malformed+no-usage", Behaviour(malformed=True, no_usage=True)),
        ("gpt-4o+coding-br", Behaviour(coding="br")),
        ("echo:fixed", Behaviour(mode="fixed")),
    ],
)
def test_a_name_says_how_to_behave(name: str, behaviour: Behaviour) -> None:
    assert from_name(name) == behaviour


@pytest.mark.parametrize(
    "name",
    [
        "gpt-4o+dealy-50ms",
        "gpt-4o+",
        "gpt-4o+coding-lzma",
        "error-200",
        "error-99999",
        "error-rate-1.1",
        "tokens-0",
        "delay-1.2.3s",
        "delay-9000s",
    ],
)
def test_a_wrong_knob_is_refused(name: str) -> None:
    with pytest.raises(Refusal) as refused:
        from_name(name)
    assert (refused.value.status, refused.value.param) == (400, "model")


@pytest.mark.parametrize("name", ["unknown", "unknown-model", "mock/unknown+echo"])
def test_unknown_models_do_not_exist(name: str) -> None:
    with pytest.raises(Refusal) as refused:
        from_name(name)
    assert (refused.value.status, refused.value.code) == (404, "model_not_found")


def test_headers_override_the_name() -> None:
    behaviour = Names().read(
        "mock-echo+delay-50ms",
        [(b"x-mock-delay-ms", b"0"), (b"x-mock-hang", b"true"), (b"x-mock-disconnect-after", b"0")],
    )
    assert behaviour == Behaviour(mode="echo", hang=True, disconnect_after=0)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (b"x-mock-dealy-ms", b"1"),
        (b"x-mock-delay-ms", b"nan"),
        (b"x-mock-delay-ms", b"-1"),
        (b"x-mock-tokens", b"1e3"),
        (b"x-mock-error", b""),
        (b"x-mock-mode", b"loud"),
        (b"x-mock-hang", b"yes"),
    ],
)
def test_a_wrong_header_is_refused_by_name(header: bytes, value: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        Names().read("gpt-4o", [(header, value)])
    assert (refused.value.status, refused.value.param) == (400, header.decode())


def test_every_field_can_be_reached_both_ways() -> None:
    assert set(HEADERS.values()) == set(Behaviour.__struct_fields__)
    everything = (
        "echo+delay-1ms+token-2ms+tokens-3+error-400+error-rate-0.5+retry-after-4+disconnect-after-5"
        "+hang+malformed+no-usage+think+calls-2+coding-zstd"
    )
    named = from_name(everything)
    assert all(getattr(named, field) != getattr(PLAIN, field) for field in Behaviour.__struct_fields__)


def test_names_are_remembered_within_a_bound() -> None:
    names = Names()
    for number in range(5000):
        assert names.read(f"delay-{number}ms", ()) == Behaviour(delay_ms=number)
    assert len(names._known) <= 1024


@given(st.text())
def test_any_name_gives_a_behaviour_or_a_refusal(name: str) -> None:
    try:
        assert isinstance(from_name(name), Behaviour)
    except Refusal as refusal:
        assert refusal.status in (400, 404)


@given(st.text(alphabet="delaytokn-+:.0123456789ms"))
def test_near_misses_too(name: str) -> None:
    try:
        behaviour = from_name(name)
    except Refusal as refusal:
        assert refusal.status == 400
    else:
        assert 0 <= behaviour.delay_ms <= 600_000


def test_an_error_rate_decides_by_the_draw() -> None:
    half = Behaviour(error_rate=0.5)
    assert (half.fails(0.49), half.fails(0.5)) == (500, None)
    assert Behaviour(error=429).fails(0.99) == 429
    assert Behaviour(error_rate=0.0, error=429).fails(0.0) is None
