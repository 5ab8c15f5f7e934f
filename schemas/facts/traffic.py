"""Facts of TRAFFIC: one request's life, and its writer's. Released shapes only ever gain fields at the end."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from schemas.screening.model import Hit

SYSTEM = "system"
"""The tenant of what belongs to nobody: callers that could not be authenticated, the platform's own targets."""


class Usage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Tokens of one request, as the provider counted them; `estimated` when the provider did not say."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    cache_write_tokens: int = 0
    """Of the input: written into the provider's cache, which some charge more for."""
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    image_tokens: int = 0
    """Of the input."""


class SealedBody(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A body under the data key of its subject: AES-256-GCM, the tag at the end of the ciphertext.

    The additional data is `tenant NUL subject NUL request NUL part`. `ciphertext` is empty when the bytes are in the
    object store under the name `sha256`.
    """

    subject: str
    """Whose data this is; names the data key."""
    key: str
    """Which version of the subject's data key."""
    nonce: bytes
    ciphertext: bytes
    sha256: bytes
    """Of the ciphertext."""
    size: int
    """Bytes in the clear."""


class RequestAccepted(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An authenticated, well-formed request was taken in; from here on exactly one terminal fact follows."""

    key_id: str
    key_prefix: str
    subject: str
    operation: str
    model: str
    """As the caller wrote it."""
    stream: bool
    request_bytes: int
    durability: str
    config_sequence: int
    """The position of CONFIG that the gateway decided with."""
    body: SealedBody | None = None


class RequestScreened(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The texts of one stage were held against the rules."""

    stage: str
    """`request` or `response`."""
    action: str
    """The strictest action: `approve`, `flag`, `redact`, `block`."""
    rule: str
    pack: str
    hits: tuple[Hit, ...]
    characters: int
    allowed: int = 0
    """Hits that were left out, since the policy lets their values pass."""


class RequestBypassed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An emergency passthrough took a request around something: for whoever is alerted, and whoever asks later."""

    bypass: tuple[str, ...]
    """`hooks`, `cache`, `normalize`."""
    passthroughs: tuple[str, ...]
    """Ids of those in force."""


class Span(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Part of one of the texts, in characters."""

    text: int
    start: int
    end: int


class HookDecided(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one hook said, held down to what it may. Never the matched text."""

    hook: str
    kind: str
    decision: str
    """`approve`, `reject`, `soft-block`, `modify`, `abstain` (it failed, was late, or had nothing to say)."""
    action: str
    """What follows: `approve`, `flag`, `redact`, `block`."""
    reason: str = ""
    rule: str = ""
    spans: tuple[Span, ...] = ()
    microseconds: int = 0
    label: str = ""
    """`public`, `internal`, `confidential`, `restricted`, of a hook that classifies."""


class HooksDecided(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The hooks of one stage were asked, in this order."""

    stage: str
    """`connection`, `request` or `response`."""
    action: str
    """The strictest."""
    hook: str
    """Whose that is; empty when all approved."""
    decisions: tuple[HookDecided, ...]
    microseconds: int = 0
    """Of all of them together."""


class RedactionsKept(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was cut out of a request to be put back into its answer: tokens and originals as JSON, sealed."""

    count: int
    body: SealedBody | None = None
    """Part `redactions`."""


class RequestRouted(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A route and its targets in the order in which they will be tried, and what was set aside for the cost."""

    route: str
    strategy: str
    targets: tuple[str, ...]
    """`account/model`."""
    skipped: tuple[str, ...] = ()
    """Targets left out because their circuit is open."""
    reserved_micros: int = 0
    budgets: tuple[str, ...] = ()


class ProviderCalled(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One attempt at one provider account ended."""

    attempt: int
    account: str
    model: str
    outcome: str
    """`ok`, `status`, `timeout`, `connect`, `disconnect`, `malformed`, `aborted`."""
    status: int
    first_byte_us: int
    duration_us: int


class Summary(msgspec.Struct, array_like=True, gc=False):
    """What is known of a request: filled in while it is under way, in the shape of the terminal fact that it becomes,
    so that nothing has to be copied then."""

    key_id: str = ""
    key_prefix: str = ""
    subject: str = ""
    operation: str = ""
    model_requested: str = ""
    account: str = ""
    model: str = ""
    route: str = ""
    stream: bool = False
    stage: str = ""
    """Where a refusal happened: `authenticate`, `kill`, `limits`, `parse`, `screen_request`, `route`, `reserve`,
    `call`, `screen_response`, `log`; empty for a completed request."""
    status: int = 0
    """HTTP status that the caller saw; 0 when no status line was sent."""
    code: str = ""
    """Error code, or empty."""
    rule: str = ""
    """The rule that decided the screening, or empty."""
    action: str = ""
    """The strictest screening action of both directions."""
    attempts: int = 0
    usage: Usage = Usage()
    cost_micros: int = 0
    reserved_micros: int = 0
    budgets: tuple[str, ...] = ()
    started_us: int = 0
    latency_us: int = 0
    first_byte_us: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    finish_reason: str = ""
    accepted_sequence: int = 0
    """Position in TRAFFIC of the segment with the accepted-fact, 0 if there is none or it was not yet known."""
    writer: str = ""
    boot: str = ""
    """The writer that served the request; for an abandoned one the writer that died."""
    body: SealedBody | None = None
    cache: str = "off"


class Terminal(Summary, frozen=True, array_like=True, gc=False):  # type: ignore[misc]  # frozen, unlike the other
    """How a request ended: the whole summary, so that a view needs no other fact to make its row.

    Its four kinds share this shape and add nothing to it, since fields of a positional struct may only grow at the end.
    """


class RequestCompleted(Terminal, frozen=True, array_like=True, gc=False):  # type: ignore[misc]
    """The answer was delivered; `code` is set when the provider broke off after the first byte."""


class RequestRefused(Terminal, frozen=True, array_like=True, gc=False):  # type: ignore[misc]
    """The caller got an error instead of an answer. Cost is set if a provider had been paid by then."""


class RequestAborted(Terminal, frozen=True, array_like=True, gc=False):  # type: ignore[misc]
    """The caller left before the end; usage so far is billed."""


class RequestAbandoned(Terminal, frozen=True, array_like=True, gc=False):  # type: ignore[misc]
    """The writer died; the sweeper closed the request. What had been reserved is billed, marked as estimated."""


class WriterBeat(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A sign of life of a writer."""

    open_requests: int
    admitted: int
    """Requests accepted since boot."""
    exact: bool = True
    """Whether all of these stand before it in the chain; not so in one that was put before what waited already."""
    yields: bool = False
    """Whether this writer goes on when somebody else has used the message id of its next segment, to close its
    requests; not so in earlier versions."""


class WriterClosed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The last fact of a writer that stopped in order: its chain ends here."""

    admitted: int


TERMINALS = frozenset({"request.completed.v1", "request.refused.v1", "request.aborted.v1", "request.abandoned.v1"})
_ENDS = frozenset(name.rpartition(".")[0] for name in TERMINALS)


@lru_cache(maxsize=256)
def ends_request(name: str) -> bool:
    """Whether a fact of this name ends a request, in whichever version: a newer gateway's say so too."""
    return name in TERMINALS or name.rpartition(".v")[0] in _ENDS
