"""Cohere's chat, version 2, as one codec, for the side of providers."""

from __future__ import annotations

from ingress.codecs.cohere.answer import read_answer, read_error
from ingress.codecs.cohere.request import NAME, write_request
from ingress.codecs.cohere.stream import CohereReader
from ingress.codecs.composed import ProviderFormat

COHERE_CHAT = ProviderFormat(NAME, write_request, read_answer, CohereReader, read_error)
