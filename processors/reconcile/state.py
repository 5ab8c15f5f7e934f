"""The fold of TRAFFIC: which requests are open, at which writer, and when each writer was last heard of. Pure."""

from __future__ import annotations

import msgspec

from schemas.codec import Malformed, decode_segment, open_fact, segment_hash
from schemas.envelope import GENESIS, Fact, Segment
from schemas.facts.traffic import (
    ProviderCalled,
    RequestAccepted,
    RequestRouted,
    RequestScreened,
    WriterBeat,
    WriterClosed,
    ends_request,
)
from schemas.screening.model import ACTIONS

_LIFE = frozenset(
    {
        "request.accepted.v1",
        "request.routed.v1",
        "request.screened.v1",
        "provider.called.v1",
        "writer.beat.v1",
        "writer.closed.v1",
    }
)


class OpenRequest(msgspec.Struct):
    """What is known of a request without a terminal fact; enough to write one. Bodies are not kept."""

    request: str
    tenant: str
    subject: str
    """Of its messages on the log."""
    writer: str
    boot: str
    fact: str
    """Id of its last fact."""
    started_us: int
    sequence: int
    """Position of the accepted-fact."""
    key_id: str
    key_prefix: str
    data_subject: str
    operation: str
    model_requested: str
    stream: bool
    request_bytes: int
    route: str = ""
    targets: tuple[str, ...] = ()
    reserved_micros: int = 0
    budgets: tuple[str, ...] = ()
    account: str = ""
    model: str = ""
    attempts: int = 0
    outcome: str = ""
    """Of the last attempt that ended."""
    action: str = ""
    rule: str = ""


class Life(msgspec.Struct):
    """One writer from its start to its end."""

    writer: str
    boot: str
    last_seen: float
    """When its last segment was read, monotonic seconds of the reader."""
    superseded_at: float | None = None
    """When a later start of the same writer was first read of."""
    closed: bool = False
    number: int = 0
    """Of its last segment: a chain's numbers only rise."""
    fenced: int = -1
    """What that was when requests of it were closed: no segment of this writer that was sent before then can be stored
    any more, see `Sweeper`."""
    yields: bool = False
    """Whether it bears that, as it says of itself."""
    requests: dict[str, OpenRequest] = {}


class State:
    """Everything the decision needs. Time is an argument."""

    def __init__(self, writer: str = "", boot: str = "") -> None:
        """
        Args:
            writer, boot: whose own chain of segments is followed, to go on from it.
        """
        self.sequence = 0
        self.lives: dict[tuple[str, str], Life] = {}
        self.last_of: dict[str, int] = {}
        """By subject: sequence of its newest message."""
        self.number = 0
        self.hash = GENESIS
        self._own = (writer, boot)
        self._life_of: dict[str, Life] = {}

    @property
    def open(self) -> int:
        return len(self._life_of)

    def fence(self, of: OpenRequest) -> str:
        """The message id that the next segment of a request's writer would have; empty when it is used already, or not
        to be used by anybody else."""
        life = self.lives[of.writer, of.boot]
        if life.fenced == life.number or not life.yields:
            return ""
        return f"{life.writer}/{life.boot}/{life.number + 1}"

    def request(self, request: str) -> OpenRequest | None:
        life = self._life_of.get(request)
        return None if life is None else life.requests[request]

    @property
    def needed_from(self) -> int:
        """The first position without which this state could not be built again."""
        return min(
            (one.sequence for life in self.lives.values() for one in life.requests.values()), default=self.sequence + 1
        )

    def passed(self, sequence: int, subject: str) -> None:
        """A message was read, whatever it holds."""
        self.sequence = sequence
        self.last_of[subject] = sequence

    def apply(self, sequence: int, subject: str, payload: bytes, now: float, segment: Segment | None = None) -> None:
        """Adds a message.

        Args:
            segment: what is in the payload, when it has been decoded.

        Raises:
            Malformed: something of it cannot be read; the rest is applied.
        """
        self.passed(sequence, subject)
        segment = segment or decode_segment(payload)
        name = (segment.writer, segment.boot)
        if name == self._own and segment.number > self.number:
            self.number, self.hash = segment.number, segment_hash(payload)
        life = self.lives.get(name)
        if life is not None and segment.number <= life.number:
            # a copy: what it opens may have been closed since, and it is no sign of life
            return
        if life is None:
            life = self.lives[name] = Life(segment.writer, segment.boot, now)
            self._supersede(life, now)
        life.last_seen, life.number = now, segment.number
        unreadable: Malformed | None = None
        # what became of a request that ends in the same message is of no use
        ended = {fact.correlation for fact in segment.facts if ends_request(fact.type)}
        for request in ended:
            self._ended(request, segment.writer)
        for fact in segment.facts:
            if fact.type in _LIFE and fact.correlation not in ended:
                try:
                    self._lived(life, sequence, subject, fact)
                except Malformed as error:
                    unreadable = error
        if unreadable is not None:
            raise unreadable

    def forget_dead(self, now: float, after_s: float = 3_600.0) -> None:
        """Lets go of writers that have nothing open and have not been heard of for long."""
        self.lives = {
            name: life for name, life in self.lives.items() if life.requests or now - life.last_seen < after_s
        }

    def _supersede(self, new: Life, now: float) -> None:
        """Boots are UUIDv7, so their order is that of their starts; a late segment of an old one supersedes nobody, nor
        is it superseded: it may be a new one, started after its machine's clock was set back."""
        for life in self.lives.values():
            if life.writer == new.writer and life.boot < new.boot and life.superseded_at is None:
                life.superseded_at = now

    def _ended(self, request: str, by: str) -> None:
        life = self._life_of.pop(request, None)
        if life is not None:
            del life.requests[request]
            if by != life.writer:
                life.fenced = life.number

    def _lived(self, life: Life, sequence: int, subject: str, fact: Fact) -> None:
        data = open_fact(fact)
        if isinstance(data, RequestAccepted):
            life.requests[fact.correlation] = OpenRequest(
                fact.correlation, fact.tenant, subject, life.writer, life.boot, fact.id, fact.time, sequence,
                data.key_id, data.key_prefix, data.subject, data.operation, data.model, data.stream,
                data.request_bytes,
            )  # fmt: skip
            self._life_of[fact.correlation] = life
            return
        if isinstance(data, WriterClosed):
            life.closed = True
            return
        if isinstance(data, WriterBeat):
            life.yields = data.yields
            return
        found = self.request(fact.correlation)
        if found is None:
            return
        found.fact = fact.id
        match data:
            case RequestRouted():
                found.route, found.targets = data.route, data.targets
                found.reserved_micros, found.budgets = data.reserved_micros, data.budgets
            case ProviderCalled():
                found.attempts, found.account, found.model = data.attempt, data.account, data.model
                found.outcome = data.outcome
            case RequestScreened() if _strictness(data.action) > _strictness(found.action):
                found.action, found.rule = data.action, data.rule


def _strictness(action: str) -> int:
    return ACTIONS.index(action) if action in ACTIONS else -1
