"""The README's recipes: what they name is there, and a step left out is noticed."""

from __future__ import annotations

import re

from ops.up.options import PROCESSORS
from processors.__main__ import MODULES
from tests.architecture.source import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_path_the_readme_names_exists() -> None:
    named = set(
        re.findall(r"`((?:\.ci|schemas|projections|ingress|processors|ops|tests|benchmarks)/[\w./*-]*)`", README)
    )
    assert named
    missing = [path for path in sorted(named) if not list(ROOT.glob(path.rstrip("/")))]
    assert missing == []


def test_every_room_of_a_worker_can_be_started() -> None:
    rooms = {place.parent.name for place in (ROOT / "processors").glob("*/app.py")}
    assert rooms == set(MODULES), "a worker's name belongs in processors/__main__.py"
    assert rooms == set(PROCESSORS), "a worker's name belongs in ops/up/options.py"
