"""What an entry of the price catalogue says. No prices here."""

from __future__ import annotations

import msgspec

from schemas.aggregates.model import Prices


class Source(msgspec.Struct, frozen=True):
    """Where prices are from."""

    title: str
    date: str
    """When they were in force, ISO 8601; they may have changed since."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One model at one kind of provider."""

    wire: str
    name: str
    """The provider's name, without a date or version at its end where those cost the same."""
    prices: Prices
    batch_percent: int = 0
    """What a call in a batch costs of the plain price, in per cent; 0 where there are no batches."""
    note: str = ""
    """What these prices leave out."""
    source: Source


class Wire:
    """Makes the entries of one kind of provider. Amounts in US dollars for a million tokens, `request` for one call."""

    def __init__(self, wire: str, title: str, date: str, *, batch: int = 0) -> None:
        self._wire = wire
        self._source = Source(title, date)
        self._batch = batch

    def __call__(
        self,
        name: str,
        given: float,
        written: float = 0.0,
        *,
        cached: float | None = None,
        cache_write: float | None = None,
        reasoning: float | None = None,
        audio: float | None = None,
        audio_out: float | None = None,
        image: float | None = None,
        request: float = 0.0,
        batch: int | None = None,
        note: str = "",
    ) -> Entry:
        return Entry(
            wire=self._wire,
            name=name,
            prices=Prices(
                input=_micros(given),
                output=_micros(written),
                cached_input=None if cached is None else _micros(cached),
                cache_write=None if cache_write is None else _micros(cache_write),
                reasoning=None if reasoning is None else _micros(reasoning),
                audio_input=None if audio is None else _micros(audio),
                audio_output=None if audio_out is None else _micros(audio_out),
                image=None if image is None else _micros(image),
                request=_micros(request),
            ),
            batch_percent=self._batch if batch is None else batch,
            note=note,
            source=self._source,
        )


def _micros(dollars: float) -> int:
    return round(dollars * 1_000_000)
