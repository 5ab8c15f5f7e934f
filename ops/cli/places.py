"""Places on the log as people write them on a command line: positions, times, requests. They become a span."""

from __future__ import annotations

from collections.abc import Sequence

from ops.cli.exits import Misused
from ops.cli.moments import moment_us
from projections.log.connection import LogConnection
from projections.log.reader import last_sequence
from projections.log.span import Span, first_at, last_at, span_of
from schemas.envelope import parse_position
from schemas.ids import Clock, iso, millis_of


def check_places(from_: str, to: str, stream: str, clock: Clock) -> None:
    """Finds what is wrong with `--from` and `--to` before anything is read.

    Raises:
        Misused: a place of another form, or on another stream; a beginning that has not come yet; or the end comes
            before the beginning.
    """
    now_us = clock.now_us()
    for text, option in ((from_, "--from"), (to, "--to")):
        if text:
            _check(text, option, stream, now_us)
    ends = [_order(text, now_us) for text in (from_, to) if text]
    if len(ends) == 2 and ends[0][0] == ends[1][0] and ends[0] > ends[1]:
        raise Misused(f"--from {from_} comes after --to {to}: nothing lies between")
    if from_ and ends[0][0] == "time" and ends[0][1] > now_us:
        raise Misused(f"--from {from_} has not come yet; now it is {iso(now_us)}")


async def span_between(
    connection: LogConnection,
    from_: str,
    to: str,
    clock: Clock,
    *,
    stream: str = "TRAFFIC",
    requests: Sequence[str] = (),
) -> Span:
    """What `--from`, `--to` and `--request` mean now; empty ones the whole stream.

    Raises:
        Misused: a place of another form, or on another stream; a beginning that has not come yet; or the end comes
            before the beginning.
        NotFound: a request that TRAFFIC does not have.
    """
    check_places(from_, to, stream, clock)
    if requests and stream != "TRAFFIC":
        raise Misused("--request is for TRAFFIC")
    for one in requests:
        _check_request(one)
    last = await last_sequence(connection, stream)
    if from_ and is_position(from_) and (first := parse_position(from_).sequence) > last:
        raise Misused(f"--from {stream}:{first} has not come yet; the last is {stream}:{last}")
    spans = [await _request(connection, one) for one in requests] if not (from_ or to) else []
    if spans:
        return Span(stream, min(span.first for span in spans), max(span.last for span in spans))
    # of a time after which there is nothing, the place behind the last message
    first = (await _from(connection, from_, stream, clock) or last + 1) if from_ else 1
    end = min(last, await _to(connection, to, stream, clock)) if to else last
    if from_ and to and first > end and not _both_times(from_, to):
        raise Misused(f"--from {from_} comes after --to {to}: nothing lies between")
    return Span(stream, first, end)


async def _from(connection: LogConnection, text: str, stream: str, clock: Clock) -> int:
    if is_position(text):
        # the first message is 1
        return max(parse_position(text).sequence, 1)
    if _is_request(text):
        return (await _request(connection, text)).first
    return await first_at(connection, stream, moment_us(text, "--from", clock.now_us()))


async def _to(connection: LogConnection, text: str, stream: str, clock: Clock) -> int:
    if is_position(text):
        return parse_position(text).sequence
    if _is_request(text):
        return (await _request(connection, text)).last
    return await last_at(connection, stream, moment_us(text, "--to", clock.now_us()))


async def _request(connection: LogConnection, text: str) -> Span:
    _check_request(text)
    return await span_of(connection, text)


def _check_request(text: str) -> None:
    if not _is_request(text):
        raise Misused(f"{text[:40]!r} is no id of a request, as the header x-nexus-request-id tells it")


def _check(text: str, option: str, stream: str, now_us: int) -> None:
    if is_position(text):
        try:
            position = parse_position(text)
        except ValueError as error:
            raise Misused(f"{option}: {error}") from None
        if position.stream != stream:
            raise Misused(f"{option} is on {position.stream}, but {stream} is to be read; see --stream")
    elif _is_request(text):
        if stream != "TRAFFIC":
            raise Misused(f"{option} names a request, and those are on TRAFFIC")
    else:
        moment_us(text, option, now_us)


def _order(text: str, now_us: int) -> tuple[str, int]:
    """What a place can be compared by with another of its kind."""
    if is_position(text):
        return "position", parse_position(text).sequence
    if _is_request(text):
        return "request", 0  # whose facts come first is not known yet
    return "time", moment_us(text, "", now_us)


def _both_times(from_: str, to: str) -> bool:
    """Between two of them there may be nothing, in whatever order they are."""
    return not any(is_position(text) or _is_request(text) for text in (from_, to))


def is_position(text: str) -> bool:
    """Whether it looks like one, such as `TRAFFIC:12`; what follows the colon is another question."""
    stream, colon, _ = text.partition(":")
    return bool(colon) and stream.isalpha() and stream.isupper()


def _is_request(text: str) -> bool:
    try:
        millis_of(text)
    except ValueError:
        return False
    return True
