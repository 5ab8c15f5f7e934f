"""The Gemini API's generateContent as one codec."""

from __future__ import annotations

from ingress.codecs.composed import ChatFormat
from ingress.codecs.gemini.answer import read_answer, read_error, write_answer, write_error
from ingress.codecs.gemini.request_read import NAME, read_request
from ingress.codecs.gemini.request_write import write_request
from ingress.codecs.gemini.stream import GenerateReader, GenerateWriter

GEMINI_GENERATE = ChatFormat(
    NAME, write_request, read_answer, GenerateReader, read_error,
    read_request, write_answer, GenerateWriter, write_error,
)  # fmt: skip
"""`model` and `stream` travel in the body until the path is made of them."""
