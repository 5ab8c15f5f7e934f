"""Replicate's predictions of language models as one codec, for the side of providers."""

from __future__ import annotations

from ingress.codecs.composed import ProviderFormat
from ingress.codecs.replicate.prediction import read_answer, read_error
from ingress.codecs.replicate.request import NAME, write_request
from ingress.codecs.replicate.stream import PredictionReader

REPLICATE_PREDICTIONS = ProviderFormat(NAME, write_request, read_answer, PredictionReader, read_error)
"""What to ask after the first answer is in `prediction.next_call`."""
