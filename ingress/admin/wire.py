"""HTTP requests into calls and answers into HTTP: headers, limits, content types, the shape of errors."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from blacksheep.contents import Content
from blacksheep.exceptions import MessageAborted
from blacksheep.messages import Request, Response

from ingress.admin.auth import Authenticator, Principal
from ingress.admin.bodies import fit
from ingress.admin.call import Answer, Call
from ingress.admin.freshness import Freshness
from ingress.gateway.content_coding import UnsupportedCoding, inflated, inflater_of
from ingress.gateway.inflating import ACCEPTED
from schemas.envelope import parse_position
from schemas.errors import (
    CallerError,
    InvalidRequest,
    NexusError,
    Rejected,
    RequestTimeout,
    TooLarge,
    Unavailable,
    UnsupportedType,
)
from schemas.ids import Clock, Ids

log = logging.getLogger(__name__)

MAX_BODY = 1024 * 1024
"""Bytes, as they come and as they were before they were compressed."""
ANYBODY = Principal("anybody", frozenset())
JSON_TYPES = ("application/json", "application/merge-patch+json")
_PARAMETERS_AT_MOST = 32
_POSITION = re.compile(r"[A-Z]{1,16}:\d{1,18}\Z")


class MethodNotAllowed(CallerError):
    """The path exists, and not for this method."""

    status = 405
    code = "method_not_allowed"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path: what is served, and what its documentation says."""

    method: str
    path: str
    """With `{id}` where an id stands, which may hold slashes."""
    handle: Callable[[Call], Awaitable[Answer]]
    summary: str
    tag: str
    query: type[Any] | None = None
    body: type[Any] | None = None
    answer: type[Any] | None = None
    listing: bool = False
    """Whether the answer is a page of `answer`s."""
    status: int = 200
    errors: tuple[int, ...] = ()
    """Besides those that every endpoint may answer with."""
    public: bool = False


class Door:
    """Turns an endpoint into what the web framework calls. No exception leaves it but cancellation."""

    def __init__(
        self, authenticator: Authenticator, freshness: Freshness, clock: Clock, ids: Ids, body_timeout_s: float
    ) -> None:
        self._authenticator = authenticator
        self._freshness = freshness
        self._clock = clock
        self._ids = ids
        self._body_timeout_s = body_timeout_s

    def serve(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """The framework's handler of an endpoint."""

        async def handler(request: Request) -> Response:
            request_id = self._ids.new()
            started = self._clock.monotonic()
            principal = ANYBODY
            try:
                if not endpoint.public:
                    principal = self._authenticator.authenticate(_header(request, b"authorization"))
                call = await self._read(endpoint, request, request_id, principal)
                await self._freshness.wait(call.position)
                response = _render(await endpoint.handle(call))
            except Rejected as error:
                log.warning("admin request id=%s: a store does not answer: %s", request_id, error)
                response = render_error(Unavailable("A store behind this does not answer; try again.", retry_after=1))
            except NexusError as error:
                response = render_error(error)
            except MessageAborted:
                # nobody is there to read it; the status is for the log line
                response = Response(499)
            except Exception:
                log.exception("admin request failed id=%s", request_id)
                response = render_error(NexusError(f"Internal error; the admin plane's log says more at {request_id}."))
            response.set_header(b"x-nexus-request-id", request_id.encode())
            # the path stays out of the log: what stands in it may be a secret in the wrong place
            log.log(
                logging.DEBUG if endpoint.public else logging.INFO,
                "admin request id=%s actor=%s method=%s route=%s status=%d ms=%.1f",
                request_id,
                principal.actor,
                endpoint.method,
                endpoint.path,
                response.status,
                (self._clock.monotonic() - started) * 1000,
            )
            return response

        return handler

    async def _read(self, endpoint: Endpoint, request: Request, request_id: str, principal: Principal) -> Call:
        return Call(
            request_id=request_id,
            principal=principal,
            id=_path_id(request),
            query=_query(request, endpoint.query),
            body=await self._body(request) if endpoint.body is not None else b"",
            if_match=_header(request, b"if-match") or "",
            position=_position(request),
        )

    async def _body(self, request: Request) -> bytes:
        kind = (_header(request, b"content-type") or "").partition(";")[0].strip().lower()
        if kind not in JSON_TYPES:
            raise UnsupportedType("Send the body as JSON, with Content-Type: application/json.")
        coding = (_header(request, b"content-encoding") or "identity").encode("latin-1")
        inflater = None if coding.lower() == b"identity" else inflater_of(coding, MAX_BODY)
        length = _header(request, b"content-length") or "0"
        if length.isdecimal() and int(length[:18]) > MAX_BODY:
            raise TooLarge(f"The body may have {MAX_BODY} bytes.")
        body = bytearray()
        try:
            async with asyncio.timeout(self._body_timeout_s):
                async for piece in request.stream():  # type: ignore[attr-defined]  # its stub is wrong
                    body += piece
                    if len(body) > MAX_BODY:
                        raise TooLarge(f"The body may have {MAX_BODY} bytes.")
        except TimeoutError:
            raise RequestTimeout(f"The body did not arrive within {self._body_timeout_s:g} seconds.") from None
        return bytes(body) if inflater is None else await inflated(bytes(body), inflater, MAX_BODY)


def render_error(error: NexusError) -> Response:
    """An error as OpenAI's clients know it, with the headers that HTTP wants beside it."""
    body = {"error": {"message": error.message, "type": error.type, "code": error.error_code, "param": error.param}}
    response = Response(error.status, content=Content(b"application/json", msgspec.json.encode(body)))
    if error.retry_after is not None:
        response.add_header(b"retry-after", str(error.retry_after).encode())
    if isinstance(error, UnsupportedCoding):
        response.add_header(b"accept-encoding", ACCEPTED.encode())
    if error.status == 401:
        response.add_header(b"www-authenticate", b'Bearer realm="nexus admin"')
    response.add_header(b"cache-control", b"no-store")
    return response


def _render(answer: Answer) -> Response:
    media = answer.media.encode() or b"application/json"
    body = answer.body if answer.media else msgspec.json.encode(answer.body)
    response = Response(answer.status, content=None if answer.body is None else Content(media, body))
    if answer.position is not None:
        response.add_header(b"x-nexus-position", str(answer.position).encode())
    if answer.version:
        response.add_header(b"etag", f'"{answer.version}"'.encode())
    if answer.retry_after:
        response.add_header(b"retry-after", str(answer.retry_after).encode())
    # an answer may hold a key that is shown once
    response.add_header(b"cache-control", b"no-store")
    return response


def _header(request: Request, name: bytes) -> str | None:
    value = request.get_first_header(name)
    return None if value is None else value.decode("latin-1")


def _path_id(request: Request) -> str:
    values = request.route_values or {}
    return values.get("id") or ""


def _position(request: Request) -> Any:
    text = _header(request, b"x-nexus-position")
    if text is None:
        return None
    if not _POSITION.match(text.strip()):
        raise InvalidRequest("X-Nexus-Position has the form STREAM:SEQUENCE, as in CONFIG:12", param="X-Nexus-Position")
    return parse_position(text.strip())


def _query(request: Request, shape: type[Any] | None) -> Any:
    raw = request.scope["query_string"] if request.scope else b""
    try:
        pairs = parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=_PARAMETERS_AT_MOST)
    except ValueError:
        raise InvalidRequest("The query cannot be read; it may have 32 parameters.") from None
    given = dict(pairs)
    if len(given) != len(pairs):
        raise InvalidRequest("A parameter stands in the query twice.")
    for name, value in pairs:
        if "\0" in value:
            # no store can hold it, and Postgres says so as an error of its own
            raise InvalidRequest("A parameter must not hold the character NUL.", param=name[:64])
    if shape is None:
        if given:
            raise InvalidRequest("This takes no parameters.", param=sorted(given)[0][:64])
        return None
    return fit(given, shape, strict=False, what="parameter")
