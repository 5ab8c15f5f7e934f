"""What a model answered, whole or as it arrives, in no provider's words. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.conversation.parts import Part
from schemas.facts.traffic import Usage

FINISHES = ("stop", "length", "tool_calls", "content_filter", "stop_sequence", "pause", "error")
"""Why an answer ended. `stop_sequence` is a stop that one of the caller's stop texts caused."""


class Choice(msgspec.Struct, frozen=True):
    """One of the answers."""

    parts: tuple[Part, ...] = ()
    finish: str = "stop"
    index: int = 0
    stop_sequence: str = ""
    logprobs: Any = None
    """In the shape of OpenAI's chat API (`{"content": [...]}`), which is the only one that others can be read into."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer."""

    id: str = ""
    model: str = ""
    created_s: int = 0
    choices: tuple[Choice, ...] = ()
    usage: Usage | None = None
    """`input_tokens` counts everything read, cached or not; `output_tokens` everything written, reasoning included."""
    service_tier: str = ""
    fingerprint: str = ""


class Embeddings(msgspec.Struct, frozen=True, kw_only=True):
    """Vectors in the order of the texts."""

    model: str = ""
    vectors: tuple[tuple[float, ...], ...] = ()
    usage: Usage | None = None


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """(index of the document, score from 0 to 1), best first."""

    id: str = ""
    model: str = ""
    order: tuple[tuple[int, float], ...] = ()
    documents: tuple[str, ...] = ()
    usage: Usage | None = None


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """How many tokens a conversation is."""

    tokens: int
    cached: int = 0
    usage: Usage | None = None
    """Always None: counting costs nothing."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider's classifier found in one input; categories under the provider's names, scores from 0 to 1."""

    flagged: bool = False
    categories: dict[str, bool] = {}
    scores: dict[str, float] = {}
    inputs: dict[str, tuple[str, ...]] = {}
    """Category -> the kinds of input that were looked at for it, such as `text` and `image`."""


class Moderation(msgspec.Struct, frozen=True, kw_only=True):
    """Verdicts in the order of the inputs."""

    id: str = ""
    model: str = ""
    verdicts: tuple[Verdict, ...] = ()


# A stream, as events. A part begins, grows and ends; the parts of one choice are numbered from 0 and never overlap.


class Begun(msgspec.Struct, frozen=True, gc=False):
    """First of all."""

    id: str = ""
    model: str = ""
    created_s: int = 0
    usage: Usage | None = None
    """What some providers tell at once: the size of the prompt."""


class PartBegun(msgspec.Struct, frozen=True, gc=False):
    """A new part of an answer: `text`, `thinking`, `encrypted` (sealed thinking), `refusal`, `tool_call`."""

    choice: int
    part: int
    kind: str
    id: str = ""
    name: str = ""
    signature: str = ""


class Delta(msgspec.Struct, frozen=True, gc=False):
    """More of a part: of its text (for a tool call its arguments; for `encrypted` the sealed data)."""

    choice: int
    part: int
    text: str


class Signed(msgspec.Struct, frozen=True, gc=False):
    """The provider's signature under a part, to be sent back in the next turn."""

    choice: int
    part: int
    signature: str


class PartEnded(msgspec.Struct, frozen=True, gc=False):
    choice: int
    part: int


class Logprobs(msgspec.Struct, frozen=True):
    """Log probabilities of what came last, in the shape of OpenAI's chat API."""

    choice: int
    logprobs: Any


class Finished(msgspec.Struct, frozen=True, gc=False):
    """One choice is complete; see `FINISHES`."""

    choice: int
    finish: str
    stop_sequence: str = ""


class Used(msgspec.Struct, frozen=True, gc=False):
    """The tokens of the whole answer; the last one counts."""

    usage: Usage


class Failed(msgspec.Struct, frozen=True, gc=False):
    """The provider told of an error in mid-stream. Nothing follows."""

    message: str = ""
    code: str = ""


class Ended(msgspec.Struct, frozen=True, gc=False):
    """Everything has been said."""


Event = Begun | PartBegun | Delta | Signed | PartEnded | Logprobs | Finished | Used | Failed | Ended
