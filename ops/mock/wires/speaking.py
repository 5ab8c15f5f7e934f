"""What a wire format offers the mock: operations, who may ask, errors in its shape. Shapes and reading, no I/O."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec

from ops.mock import wire
from ops.mock.behaviour import Behaviour
from ops.mock.refusal import Refusal
from ops.mock.wire import Stamp

T = TypeVar("T")


class Incoming(msgspec.Struct):
    """One request as an operation sees it. ``path`` are the named parts of its pattern, decoded."""

    method: str
    target: str
    path: dict[str, str]
    query: dict[str, str]
    headers: dict[bytes, bytes]
    body: bytes
    aws_secret: str = ""
    """Secret key that a signature must come from; empty when any will do."""
    kept: dict[str, bytes] = {}
    """What later requests may ask for again, by name; the provider's own."""

    def header(self, name: bytes) -> str:
        return self.headers.get(name, b"").decode("latin-1")

    @property
    def base(self) -> str:
        """The address that the caller used, without a path."""
        return "http://" + self.header(b"host")


class Reply(msgspec.Struct):
    """A whole answer: ``body``, or ``groups`` of frames that leave together, the first of them at once."""

    body: bytes = b""
    groups: Iterator[list[bytes]] | None = None
    kind: bytes = b""
    tokens: int = 0
    """Groups that are tokens, to be paced."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    status: int = 200
    lines: bytes = b""
    """Further header lines, each complete."""
    broken: bytes = b"data: {\n\n"
    """A frame that is not of this format, for who asks for it."""


class Wanted(msgspec.Struct):
    """A request that was understood: the model whose name may hold knobs, and what makes the answer."""

    model: str
    make: Callable[[Behaviour, Stamp], Reply]
    stream: bool = False


class Operation(msgspec.Struct, frozen=True):
    """One method of one path. ``read`` raises Refusal for what the real provider would refuse."""

    method: str
    path: re.Pattern[str]
    read: Callable[[Incoming], Wanted]
    listed: bool = False
    """Whether it is about no request of a model: neither counted nor recorded."""


class Speaker(msgspec.Struct, frozen=True):
    """One provider's API."""

    operations: tuple[Operation, ...]
    authorise: Callable[[Incoming], None]
    error: Callable[[Refusal, str], bytes]
    """The body for a refusal; the second argument names the request."""
    error_lines: Callable[[Refusal, str], bytes] = lambda refusal, ident: b""
    error_status: Callable[[Refusal], int] = lambda refusal: refusal.status


def operation(method: str, path: str, read: Callable[[Incoming], Wanted], *, listed: bool = False) -> Operation:
    """``{name}`` stands for one segment, ``{name*}`` for several."""
    pattern = re.sub(r"\\\{(\w+)(\\\*)?\\\}", lambda found: f"(?P<{found[1]}>{'.+' if found[2] else '[^/]+'}?)",
                     re.escape(path))  # fmt: skip
    return Operation(method, re.compile(pattern), read, listed)


def page(value: object) -> Wanted:
    """What is the same for everybody."""
    return Wanted("", lambda _, __: Reply(wire.encode(value)))


def decoded(decoder: msgspec.json.Decoder[T], body: bytes, refuse: Callable[[str], Refusal]) -> T:
    """Reads a body; what is wrong with it goes to ``refuse``, as the decoder words it."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as problem:
        raise refuse(str(problem)) from None
    except (ValueError, RecursionError):
        raise refuse("not JSON") from None


_COMPLAINT = re.compile(
    r"Object (?:missing required field `(?P<missing>\w+)`|contains unknown field `(?P<unknown>\w+)`)"
    r"(?: - at `\$\.?(?P<where>.*)`)?"
)
_AT = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<where>.*)`)?")


class Complaint(msgspec.Struct, frozen=True):
    """What the decoder found: ``kind`` is missing, unknown, wrong or syntax; ``where`` like ``messages[0].content``."""

    kind: str
    field: str
    where: str
    text: str


def complaint(problem: str) -> Complaint:
    """The decoder's words taken apart."""
    if problem == "not JSON":
        return Complaint("syntax", "", "", problem)
    match = _COMPLAINT.fullmatch(problem)
    if match is not None:
        kind = "missing" if match["missing"] else "unknown"
        field = match["missing"] or match["unknown"]
        where = match["where"] or ""
        return Complaint(kind, field, f"{where}.{field}" if where else field, problem)
    found = _AT.fullmatch(problem)
    where = (found["where"] or "") if found else ""
    return Complaint("wrong", where.rpartition(".")[2], where, found["what"] if found else problem)


def dotted(where: str) -> str:
    """``messages[0].content`` as ``messages.0.content``."""
    return where.replace("[", ".").replace("]", "").replace("...", "0")


def bearer(headers: dict[bytes, bytes]) -> str:
    """The key of an Authorization header; empty when there is none."""
    scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
    return key.strip().decode("latin-1") if scheme.lower() == b"bearer" else ""


def signature_of(thought: str) -> str:
    """The mark by which the mock knows its own thoughts again, as providers do."""
    return base64.b64encode(hmac.new(b"nexus-mock", thought.encode(), hashlib.sha256).digest()).decode()


def sealed(thought: str) -> str:
    """Thoughts that only the provider can read."""
    return base64.b64encode(b"sealed:" + thought.encode()).decode()


def sse(name: str, data: Any) -> bytes:
    """One server-sent event; without a field ``event`` when ``name`` is empty."""
    head = b"event: %s\n" % name.encode() if name else b""
    return b"%sdata: %s\n\n" % (head, wire.encode(data))
