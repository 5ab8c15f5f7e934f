"""On against off: each run beside its neighbour, against the target; the routes that switch something off."""

from __future__ import annotations

import tomllib

from benchmarks import switches
from benchmarks.nexus import configuration
from benchmarks.switches import SWITCHES, Found


def test_a_ratio_is_of_runs_that_followed_each_other() -> None:
    """The machine was three times as fast in the second round; what is measured is not the machine."""
    found = Found(SWITCHES[-1], on=[80.0, 240.0], off=[100.0, 300.0])
    assert round(found.ratio, 6) == 0.8
    (figure,) = switches.figures_of([found])
    assert (figure.better, figure.target, figure.missed) == ("more", 0.75, False)
    shown = switches.table([found, Found(SWITCHES[-1], on=[70.0], off=[100.0])])
    assert "0.80 ×" in shown and "≥ 0.75 ×" in shown and "met" in shown
    assert shown.endswith("missed")


def test_every_switch_has_a_model_whose_route_has_it_off() -> None:
    known = tomllib.loads(configuration("t", "http://127.0.0.1:1/v1", [switches.EVERYTHING]) + switches.routes("t"))
    by_model = {route["models"][0]: route for route in known["routes"] if "models" in route}
    upstream = {model["id"]: model.get("upstream", "") for model in known["models"]}
    for switch in SWITCHES:
        route = by_model[f"mock/{switch.off}"]
        assert upstream[f"mock/{switch.off}"] == switches.EVERYTHING
        assert route["priority"] > 0, "before the route for everything"
        assert route.get("capture") is False or route["policy"] == "off"
