"""Facts of TRAFFIC and DECISIONS as flat rows: the one definition of columns for every store. No I/O, no SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import Any

import msgspec

from projections.log.opened import ends_of, segment_of
from projections.log.pull import Message
from schemas.codec import Malformed, open_fact
from schemas.envelope import Fact
from schemas.errors import Invalid
from schemas.facts.traffic import TERMINALS, RequestScreened, SealedBody, Terminal

Row = tuple[Any, ...]


class Column(msgspec.Struct, frozen=True):
    name: str
    kind: str
    """`text`, `texts`, `integer` (64 bits, signed), `boolean`, `day`, `time` (UTC, microseconds)."""


def _columns(text: str) -> tuple[Column, ...]:
    return tuple(Column(*word.split(":")) for word in text.split())


TRAFFIC = _columns(
    "day:day tenant:text request_id:text kind:text time_us:integer time:time sequence:integer position:integer "
    "fact_id:text actor:text key_id:text key_prefix:text subject:text operation:text model_requested:text "
    "account:text model:text route:text stream:boolean stage:text status:integer code:text rule:text action:text "
    "attempts:integer input_tokens:integer output_tokens:integer cached_tokens:integer reasoning_tokens:integer "
    "estimated:boolean cost_micros:integer reserved_micros:integer budgets:texts started_us:integer "
    "latency_us:integer first_byte_us:integer request_bytes:integer response_bytes:integer finish_reason:text "
    "accepted_sequence:integer writer:text boot:text body_key:text body_sha256:text body_size:integer cache:text "
    "cache_write_tokens:integer audio_input_tokens:integer audio_output_tokens:integer image_tokens:integer"
)
"""One row a request, made from its terminal fact alone. `sequence` is the segment's place in TRAFFIC, `position` the
fact's index in it, `day` the UTC day of `time`. Of a sealed body only its description: the ciphertext stays on the log,
so that there is one place to erase. Times end in `_us` (microseconds), money in `_micros` (millionths of a dollar)."""

FINDINGS = _columns(
    "day:day tenant:text request_id:text fact_id:text hit:integer time_us:integer time:time log:text "
    "sequence:integer position:integer stage:text action:text rule:text pack:text characters:integer "
    "hit_rule:text hit_action:text text:integer first:integer last:integer hit_severity:text"
)
"""One row a hit of a screening. `log` is the stream it stands on; `first` and `last` are character offsets in text
number `text` (the end is exclusive); what matched is nowhere."""

KIND_OF = {name: name.split(".")[1] for name in TERMINALS}
"""`completed`, `refused`, `aborted`, `abandoned`."""

SCREENED = "request.screened.v1"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY_US = 86_400_000_000
_HIGHEST = 2**63 - 1
_texts = itemgetter(*(place for place, column in enumerate(TRAFFIC) if column.kind == "text"))
_integers = itemgetter(*(place for place, column in enumerate(TRAFFIC) if column.kind == "integer"))


class Rows(msgspec.Struct):
    """What a range of messages becomes."""

    traffic: list[Row] = []
    findings: list[Row] = []
    facts: int = 0


def rows_of(messages: Iterable[Message]) -> Rows:
    """The rows of some messages, in their order.

    Raises:
        Invalid: a message is no segment, or a fact in it does not fit its name. The text quotes nothing of it.
    """
    rows = Rows()
    for message in messages:
        made = message.once(rows_in)
        rows.traffic += made.traffic
        rows.findings += made.findings
        rows.facts += made.facts
    return rows


def rows_in(message: Message) -> Rows:
    """The rows of one message. Raises Invalid as `rows_of`."""
    rows = Rows()
    try:
        facts = message.once(segment_of).facts
        for end in message.once(ends_of):
            if end.fault:
                raise Malformed(end.fault)
            rows.traffic.append(traffic_row(message.sequence, end.index, end.fact, end.data))
        for position, fact in enumerate(facts):
            if fact.type == SCREENED:
                rows.findings += finding_rows(message, position, fact, open_fact(fact))
    except Malformed as error:
        raise Invalid(f"{message.stream}:{message.sequence}: {error}") from None
    except (ValueError, OverflowError) as error:
        # a text that is not UTF-8, a time outside of the calendar: the message might quote it
        raise Invalid(f"{message.stream}:{message.sequence}: {type(error).__name__} in a fact's data") from None
    rows.facts = len(facts)
    return rows


def traffic_row(sequence: int, position: int, fact: Fact, end: msgspec.Struct | None) -> Row:
    """A row with the columns of `TRAFFIC`, of a terminal fact and its place."""
    assert isinstance(end, Terminal)
    usage = end.usage
    body_key, body_sha256, body_size = _body(end.body)
    row: Row = (
        _day(fact.time // _DAY_US),
        fact.tenant,
        fact.correlation,
        KIND_OF[fact.type],
        fact.time,
        _EPOCH + timedelta(microseconds=fact.time),
        sequence,
        position,
        fact.id,
        fact.actor,
        end.key_id,
        end.key_prefix,
        end.subject,
        end.operation,
        end.model_requested,
        end.account,
        end.model,
        end.route,
        end.stream,
        end.stage,
        end.status,
        end.code,
        end.rule,
        end.action,
        end.attempts,
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_tokens,
        usage.reasoning_tokens,
        usage.estimated,
        end.cost_micros,
        end.reserved_micros,
        list(end.budgets),
        end.started_us,
        end.latency_us,
        end.first_byte_us,
        end.request_bytes,
        end.response_bytes,
        end.finish_reason,
        end.accepted_sequence,
        end.writer,
        end.boot,
        body_key,
        body_sha256,
        body_size,
        end.cache,
        usage.cache_write_tokens,
        usage.audio_input_tokens,
        usage.audio_output_tokens,
        usage.image_tokens,
    )
    if "\x00" in "".join((*_texts(row), *end.budgets)) or max(_integers(row)) > _HIGHEST:
        return tuple(_STORABLE.get(column.kind, _same)(value) for column, value in zip(TRAFFIC, row, strict=True))
    return row


def finding_rows(message: Message, position: int, fact: Fact, screened: msgspec.Struct | None) -> list[Row]:
    """Rows with the columns of `FINDINGS`, one for each hit."""
    assert isinstance(screened, RequestScreened)
    if not screened.hits:
        return []
    time = _EPOCH + timedelta(microseconds=fact.time)
    return [
        (
            _day(fact.time // _DAY_US),
            storable_text(fact.tenant),
            storable_text(fact.correlation),
            storable_text(fact.id),
            number,
            fact.time,
            time,
            message.stream,
            message.sequence,
            position,
            storable_text(screened.stage),
            storable_text(screened.action),
            storable_text(screened.rule),
            storable_text(screened.pack),
            _integer(screened.characters),
            storable_text(hit.rule),
            storable_text(hit.action),
            _integer(hit.text),
            _integer(hit.start),
            _integer(hit.end),
            storable_text(hit.severity),
        )
        for number, hit in enumerate(screened.hits)
    ]


def _body(body: SealedBody | None) -> tuple[str, str, int]:
    return ("", "", 0) if body is None else (body.key, body.sha256.hex(), body.size)


def storable_text(value: str) -> str:
    """Postgres stores no NUL; the replacement is made here, so that all stores hold the same."""
    return value.replace("\x00", "\ufffd") if "\x00" in value else value


def _integer(value: int) -> int:
    """MessagePack has unsigned integers that no store holds: an absurd number must not block what is behind it."""
    return min(value, _HIGHEST)


def _same(value: Any) -> Any:
    return value


_STORABLE: dict[str, Callable[[Any], Any]] = {
    "text": storable_text,
    "texts": lambda values: [storable_text(value) for value in values],
    "integer": _integer,
}
"""What a store can hold, by the kind of the column. Rows hardly ever need it: they are looked at as a whole first."""


@lru_cache(maxsize=512)
def _day(days: int) -> date:
    return date.fromordinal(_EPOCH.toordinal() + days)


def plain(value: Any) -> Any:
    """A value as it is compared between stores: a time in microseconds since the epoch."""
    if isinstance(value, datetime):
        aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return (aware - _EPOCH) // _MICROSECOND
    return value
