"""The way from a kept body to its texts, which other readers of bodies share with this worker."""

from __future__ import annotations

from schemas.kept import NoTexts, slots_of, texts_of

__all__ = ["NoTexts", "slots_of", "texts_of"]
