"""Kill switches and passthroughs as questions about one request."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.aggregates.decider import Change, Create
from schemas.aggregates.kill import Kill
from schemas.aggregates.passthrough import DECIDER, MINUTE_US, MOST_MINUTES, Passthrough, PassthroughCreated
from schemas.errors import InvalidRequest
from schemas.switches import NOTHING, bypassed, killed
from tests.golden.specs import PASSTHROUGH
from tests.unit.schemas.aggregates.given import Story

ROUTE = Kill(id="r", tenant="acme", scope="route", target="chat", reason="x")
KEY = Kill(id="k", tenant="acme", scope="key", target="app", reason="x")
TENANT = Kill(id="t", tenant="acme", scope="tenant", reason="x")
ALL = Kill(id="a", tenant="system", scope="everything", reason="x")
NOW = 1_795_000_000_000_000


@pytest.mark.parametrize(
    ("kill", "key", "route", "stops"),
    [
        (ROUTE, "app", "chat", True),
        (ROUTE, "app", "other", False),
        (ROUTE, "app", "", False),
        (KEY, "app", "", True),
        (KEY, "chat", "app", False),
        (TENANT, "any", "", True),
        (ALL, "any", "any", True),
    ],
)
def test_a_kill_stops_what_it_names_and_nothing_else(kill: Kill, key: str, route: str, stops: bool) -> None:
    assert killed([kill], key=key, route=route) == (kill if stops else None)


def around(*each: Passthrough, route: str = "chat", accounts: tuple[str, ...] = ("east",), now: int = NOW) -> object:
    return bypassed(each, route=route, accounts=lambda: accounts, now_us=now)


def made(scope: str, target: str = "", bypass: tuple[str, ...] = ("hooks",), identifier: str = "p") -> Passthrough:
    return Passthrough(
        id=identifier,
        tenant="acme",
        bypass=bypass,
        scope=scope,
        target=target,
        reason="x" * 20,
        minutes=60,
        since_us=NOW,
    )


def test_a_passthrough_is_for_its_route_or_for_a_provider_that_no_other_can_stand_in_for() -> None:
    assert around(made("route", "other")) == NOTHING
    assert around(made("provider", "east"), accounts=("east", "west")) == NOTHING
    assert around(made("provider", "east"), accounts=()) == NOTHING
    found = around(made("provider", "east", ("cache",), "one"), made("route", "chat", ("hooks",), "two"))
    assert (found.names, found.passthroughs) == ({"cache", "hooks"}, ("one", "two"))  # type: ignore[attr-defined]


@given(minutes=st.integers(1, MOST_MINUTES), later_us=st.integers(0, 10 * 60 * MINUTE_US))
def test_it_ends_by_itself_and_within_eight_hours(minutes: int, later_us: int) -> None:
    spec = Passthrough(id="p", tenant="acme", bypass=("hooks",), reason="x" * 20, minutes=minutes, since_us=NOW)
    assert Story(DECIDER, ()).when(Create(spec)).decided() == (PassthroughCreated(spec),)
    on = around(spec, now=NOW + later_us) != NOTHING
    assert on == (later_us < minutes * MINUTE_US)
    assert not (on and later_us >= 8 * 60 * MINUTE_US)


def test_no_change_makes_it_begin_again() -> None:
    later = msgspec.structs.replace(PASSTHROUGH, since_us=PASSTHROUGH.since_us + 1)
    story = Story(DECIDER, (PassthroughCreated(PASSTHROUGH),))
    story.when(Change(later)).then_refused(InvalidRequest, "since_us cannot be changed")
