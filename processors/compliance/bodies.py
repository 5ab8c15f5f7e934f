"""The way from a kept body to its texts, which other readers of bodies share with this worker."""

from __future__ import annotations

from schemas.kept import NoTexts, texts_of

__all__ = ["NoTexts", "texts_of"]
