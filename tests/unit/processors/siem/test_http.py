"""The sink of kind `http`, as far as no receiver is needed."""

from __future__ import annotations

import pytest

from processors.siem.http import HttpSink
from processors.siem.sink import Parked


@pytest.mark.parametrize("token", ["sk-1\nx: y", "sk-1\r", "sk-é"])
async def test_a_token_that_no_header_can_hold_parks_the_target_and_is_not_quoted(token: str) -> None:
    with pytest.raises(Parked) as caught:
        HttpSink("acme/all", "http://127.0.0.1:9/", token)
    assert "sk-" not in str(caught.value)
