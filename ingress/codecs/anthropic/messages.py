"""Anthropic's Messages API as one codec."""

from __future__ import annotations

from ingress.codecs.anthropic.answer import read_answer, read_error, write_answer, write_error
from ingress.codecs.anthropic.request_read import NAME, read_request
from ingress.codecs.anthropic.request_write import write_request
from ingress.codecs.anthropic.stream import MessageReader, MessageWriter
from ingress.codecs.composed import ChatFormat

ANTHROPIC_MESSAGES = ChatFormat(
    NAME, write_request, read_answer, MessageReader, read_error,
    read_request, write_answer, MessageWriter, write_error,
)  # fmt: skip  # fmt: skip
