"""The newest checkpoint, noted beside the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from projections.log import noted
from schemas.facts.ops import CheckpointAnnounced


def test_a_note_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / noted.FILE).mkdir()
    for _ in range(3):
        with pytest.raises(OSError):
            noted.note(tmp_path, CheckpointAnnounced(1, 1, 1, b"r", b"k", b"s"))
    assert [path.name for path in tmp_path.iterdir()] == [noted.FILE]
