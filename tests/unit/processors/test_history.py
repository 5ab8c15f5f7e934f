"""Routes and policies as they were."""

from __future__ import annotations

from processors.history import History
from schemas.aggregates.policy import Policy
from schemas.aggregates.route import Route


def route(placement: str) -> Route:
    return Route(id="r", tenant="a", placement=placement)


def test_what_was_in_force_at_a_position() -> None:
    history = History()
    history.note(3, "route", "a", "r", route("inline"))
    history.note(7, "route", "a", "r", route("observe"))
    history.note(9, "route", "a", "r", None)
    placements = [
        (found.placement if (found := history.route("a", "r", at)) else None) for at in (2, 3, 6, 7, 8, 9, 99)
    ]
    assert placements == [None, "inline", "inline", "observe", "observe", None, None]
    assert history.route("b", "r", 8) is None


def test_once_observed_is_remembered() -> None:
    history = History()
    history.note(3, "route", "a", "r", route("inline"))
    assert not history.ever_observed("a", "r")
    history.note(4, "route", "a", "r", route("observe"))
    history.note(5, "route", "a", "r", route("inline"))
    assert history.ever_observed("a", "r")
    assert not history.ever_observed("b", "r")


def test_a_policy_that_is_not_there_is_the_default_one() -> None:
    history = History()
    own = Policy(id="p", tenant="a", screen_responses=False)
    history.note(5, "policy", "a", "p", own)
    assert history.policy("a", "p", 4) == Policy(id="p", tenant="a")
    assert history.policy("a", "p", 5) == own
