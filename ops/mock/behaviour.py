"""What a caller may ask the mock provider to do, read from the model's name and from headers; nothing acts here.

Grammar of a model's name::

    name   = part *( ("+" | ":") part )
    part   = base | knob                          ; "provider/" in front of the name is ignored
    knob   = ["mock-"] word                       ; a base is any other text, "gpt-4o" say

After ``+`` only a knob may stand (a misspelt one is refused); after ``:`` anything else is part of the base, so that
fine-tuned names such as ``ft:gpt-4o:acme`` stay plain. Bases that start with ``unknown`` do not exist (404).

==========================  ============================  =========================================================
word in the name            header                        effect
==========================  ============================  =========================================================
``echo``, ``fixed``         ``x-mock-mode``               answer with the last user message, or the fixed sentence
``inventory``               ``x-mock-mode``               answer with what came: turns, images, files, earlier thoughts
``think``                   ``x-mock-think: 1``           think first, where the wire format has a place for thoughts
``calls-2``                 ``x-mock-calls: 2``           call this many functions where one would be called
``delay-50ms``              ``x-mock-delay-ms: 50``       wait before the first byte
``token-5ms``               ``x-mock-token-ms: 5``        wait between tokens (a plain answer waits for their sum)
``tokens-200``              ``x-mock-tokens: 200``        repeat or cut the text to this many tokens
``error-503``               ``x-mock-error: 503``         answer with this status, 400 to 599
``error-rate-0.1``          ``x-mock-error-rate: 0.1``    this share of requests fails (status 500, or ``error-…``)
``retry-after-2``           ``x-mock-retry-after: 2``     ``Retry-After`` in seconds on an error
``disconnect-after-3``      ``x-mock-disconnect-after``   close after this many chunks; 0 is before any byte
``hang``                    ``x-mock-hang: 1``            never answer
``malformed``               ``x-mock-malformed: 1``       break the JSON (of the second event, in a stream)
``no-usage``                ``x-mock-no-usage: 1``        leave the usage out, even when it was asked for
``coding-gzip``             ``x-mock-coding: gzip``       compress the answer (``gzip``, ``br``, ``zstd``), asked or not
==========================  ============================  =========================================================

Durations in a name take ``ms`` or ``s`` (``delay-1.5s``). A header overrides the name. Examples: ``mock-echo``,
``gpt-4o+delay-50ms``, ``error-429:retry-after-2``, ``tokens-400+token-5ms+disconnect-after-3``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from ops.mock.refusal import Refusal, invalid_value

_MOST_MS = 600_000.0
_MOST_TOKENS = 1_000_000
_MEMORY = 1024
"""How many names a Names remembers; beyond it the memory starts anew, so that names cannot fill it."""
_LONGEST = 256


class Behaviour(msgspec.Struct, frozen=True, gc=False):
    """How one request is to be answered. Delays are milliseconds, ``retry_after`` seconds, ``tokens`` a count."""

    mode: Literal["fixed", "echo", "inventory"] = "fixed"
    delay_ms: float = 0.0
    token_ms: float = 0.0
    tokens: int | None = None
    error: int | None = None
    error_rate: float | None = None
    retry_after: int | None = None
    disconnect_after: int | None = None
    hang: bool = False
    malformed: bool = False
    no_usage: bool = False
    think: bool = False
    calls: int | None = None
    coding: Literal["", "gzip", "br", "zstd"] = ""

    @property
    def elaborate(self) -> bool:
        """Whether it takes more than the plain way of OpenAI's chat."""
        return self.think or self.calls is not None or self.mode == "inventory"

    @property
    def steps(self) -> bool:
        """Whether a stream must be sent event by event: its events are timed, cut off, broken or compressed."""
        return self.token_ms > 0 or self.disconnect_after is not None or self.malformed or self.coding != ""

    def fails(self, draw: float) -> int | None:
        """The status to fail with, or None; ``draw`` is in [0, 1) and decides when an error rate is set."""
        if self.error_rate is not None:
            return (self.error or 500) if draw < self.error_rate else None
        return self.error


PLAIN = Behaviour()


def _number(text: str, most: float) -> float:
    value = float(text)
    if not (math.isfinite(value) and 0 <= value <= most):
        raise ValueError(f"outside 0..{most:g}")
    return value


def _count(text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise ValueError(f"not a whole number in {least}..{most}")
    return int(text)


def _flag(text: str) -> bool:
    if text.lower() not in ("1", "true", "0", "false"):
        raise ValueError("not 1, 0, true or false")
    return text.lower() in ("1", "true")


def _mode(text: str) -> str:
    if text not in ("fixed", "echo", "inventory"):
        raise ValueError("not fixed, echo or inventory")
    return text


def _coding(text: str) -> str:
    if text not in ("gzip", "br", "zstd"):
        raise ValueError("not gzip, br or zstd")
    return text


_READERS: dict[str, Callable[[str], object]] = {
    "mode": _mode,
    "delay_ms": lambda text: _number(text, _MOST_MS),
    "token_ms": lambda text: _number(text, _MOST_MS),
    "tokens": lambda text: _count(text, 1, _MOST_TOKENS),
    "error": lambda text: _count(text, 400, 599),
    "error_rate": lambda text: _number(text, 1.0),
    "retry_after": lambda text: _count(text, 0, 86_400),
    "disconnect_after": lambda text: _count(text, 0, _MOST_TOKENS),
    "hang": _flag,
    "malformed": _flag,
    "no_usage": _flag,
    "think": _flag,
    "calls": lambda text: _count(text, 1, 16),
    "coding": _coding,
}
HEADERS = {b"x-mock-" + name.replace("_", "-").encode(): name for name in _READERS}

_KNOB = re.compile(
    r"(?:mock-)?(?:(?P<mode>echo|fixed|inventory)"
    r"|delay-(?P<delay_ms>[\d.]+(?:ms|s)?)"
    r"|token-(?P<token_ms>[\d.]+(?:ms|s)?)"
    r"|tokens-(?P<tokens>\d+)"
    r"|error-rate-(?P<error_rate>[\d.]+)"
    r"|error-(?P<error>\d+)"
    r"|retry-after-(?P<retry_after>\d+)"
    r"|disconnect-after-(?P<disconnect_after>\d+)"
    r"|(?P<hang>hang)|(?P<malformed>malformed)|(?P<no_usage>no-usage)|(?P<think>think)"
    r"|calls-(?P<calls>\d+)"
    r"|coding-(?P<coding>gzip|br|zstd))"
)


def _milliseconds(text: str) -> str:
    if text.endswith("ms"):
        return text[:-2]
    return repr(float(text[:-1]) * 1000) if text.endswith("s") else text


def _knob(part: str) -> tuple[str, object] | None:
    """Field and value that ``part`` of a name sets, or None when it is no knob. ValueError: a knob out of range."""
    match = _KNOB.fullmatch(part)
    if match is None or match.lastgroup is None:
        return None
    field, text = match.lastgroup, match[match.lastgroup]
    if field in ("hang", "malformed", "no_usage", "think"):
        return field, True
    if field in ("delay_ms", "token_ms"):
        text = _milliseconds(text)
    return field, _READERS[field](text)


def from_name(model: str) -> Behaviour:
    """The behaviour a model's name asks for. Raises Refusal 404 for an unknown model, 400 for a wrong knob."""
    name = model.rpartition("/")[2]
    if name.startswith("unknown"):
        raise Refusal(
            404,
            f"The model `{model}` does not exist or you do not have access to it.",
            code="model_not_found",
        )
    found: dict[str, object] = {}
    pieces = re.split(r"([+:])", name)
    for index in range(0, len(pieces), 2):
        try:
            knob = _knob(pieces[index])
        except ValueError as problem:
            raise invalid_value("model", f"{pieces[index]!r}: {problem}") from None
        if knob is not None:
            found[knob[0]] = knob[1]
        elif index and pieces[index - 1] == "+":
            raise invalid_value("model", f"{pieces[index]!r} is no knob of the mock provider")
    return msgspec.convert(found, Behaviour) if found else PLAIN


class Names:
    """Behaviours by model name, remembered: names repeat, and parsing one costs more than answering it."""

    def __init__(self) -> None:
        self._known: dict[str, Behaviour] = {}

    def read(self, model: str, headers: Iterable[tuple[bytes, bytes]]) -> Behaviour:
        """Behaviour of a request; ``headers`` are its ``x-mock-…`` headers, names in lower case. Raises Refusal."""
        behaviour = self._known.get(model)
        if behaviour is None:
            behaviour = from_name(model)
            if len(self._known) >= _MEMORY:
                self._known.clear()
            if len(model) <= _LONGEST:
                self._known[model] = behaviour
        overrides: dict[str, object] = {}
        for name, value in headers:
            field = HEADERS.get(name)
            if field is None:
                raise invalid_value(name.decode("latin-1"), "no header of the mock provider has this name")
            try:
                overrides[field] = _READERS[field](value.decode("latin-1"))
            except ValueError as problem:
                raise invalid_value(name.decode("latin-1"), str(problem)) from None
        return msgspec.structs.replace(behaviour, **overrides) if overrides else behaviour
