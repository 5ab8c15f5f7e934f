"""Amazon Bedrock's Converse and ConverseStream as one codec, for the side of providers."""

from __future__ import annotations

from ingress.codecs.bedrock.answer import read_answer, read_error
from ingress.codecs.bedrock.request import NAME, write_request
from ingress.codecs.bedrock.stream import ConverseReader
from ingress.codecs.composed import ProviderFormat

BEDROCK_CONVERSE = ProviderFormat(NAME, write_request, read_answer, ConverseReader, read_error)
