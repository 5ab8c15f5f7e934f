"""OpenAI's Responses API as one codec."""

from __future__ import annotations

from ingress.codecs.composed import ChatFormat
from ingress.codecs.openai.chat_answer import read_error, write_error
from ingress.codecs.openai.responses_answer import read_answer, write_answer
from ingress.codecs.openai.responses_request import NAME, read_request, write_request
from ingress.codecs.openai.responses_stream import ResponseReader, ResponseWriter

OPENAI_RESPONSES = ChatFormat(
    NAME, write_request, read_answer, ResponseReader, read_error,
    read_request, write_answer, ResponseWriter, write_error,
)  # fmt: skip
