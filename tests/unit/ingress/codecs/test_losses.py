"""What each protocol cannot say is named when it is dropped, and written down as a table."""

from __future__ import annotations

import json

import pytest

from ingress.codecs.registry import CHAT
from tests.unit.ingress.codecs.probing import ASKED, LOSSES, outcome, table


@pytest.mark.parametrize("protocol", CHAT)
def test_nothing_is_lost_in_silence(protocol: str) -> None:
    assert [what for what, pair in ASKED.items() if outcome(CHAT[protocol], *pair) == "silent"] == []


def test_the_table_of_losses_is_true() -> None:
    assert table() == json.loads(LOSSES.read_text()), (
        "run `python -m tests.unit.ingress.codecs.probing`; the README's too"
    )
