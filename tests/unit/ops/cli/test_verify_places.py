"""Where `nexus verify` begins and ends."""

from __future__ import annotations

import argparse

import pytest

from ops.cli.verify import _places


@pytest.mark.parametrize("text", ["1970-01-01", "99999d"])
def test_an_end_before_all_time_is_an_end(text: str) -> None:
    given = argparse.Namespace(stream=None, from_="", to=text)
    assert _places(given, now_us=1_795_000_000_000_000)[1]["to_us"] == 1
