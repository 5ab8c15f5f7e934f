"""How far a replay has come, in a file beside its result, so that the same command goes on from there."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ops.cli.exits import CommandFailed
from projections import files
from projections.log.span import Span

Place = tuple[int, int]
"""Sequence of a segment and index of a fact in it. `(n, -1)` is the place before all facts of segment n."""


class Mark(msgspec.Struct, frozen=True):
    asked: str
    """The replay in the words of its command: another one must not go on from here."""
    span: Span
    """What the words meant when it began; `-2h` means something else by now."""
    place: Place
    """Everything up to here is done."""
    events: int = 0
    size: int = 0
    """Bytes of the result at that moment."""
    generation: int = 0
    """Of the tables that are being filled beside those in use; 0 when there are none."""
    through: int = 0
    """Up to where these hold what the replay does not touch."""


class Bookmark:
    """One file, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self, asked: str) -> Mark | None:
        """None when this is a new replay.

        Args:
            asked: empty for whichever it is.

        Raises:
            CommandFailed: it is another replay's, or cannot be read.
        """
        try:
            mark = msgspec.json.decode(self.path.read_bytes(), type=Mark)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as problem:
            raise CommandFailed(
                f"{self.path} cannot be read ({type(problem).__name__}); remove it, and the replay begins anew"
            ) from None
        if asked and mark.asked != asked:
            raise CommandFailed(
                f"{self.path} belongs to another replay ({mark.asked}), which is not done; repeat that one to finish "
                "it, or remove the file to give it up"
            )
        return mark

    def save(self, mark: Mark) -> None:
        """Returns once it is on the disk.

        Raises:
            CommandFailed: it cannot be written.
        """
        try:
            self.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            files.replace(self.path, msgspec.json.encode(mark))
        except OSError as problem:
            raise CommandFailed(f"{self.path} cannot be written: {problem.strerror}") from None

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
