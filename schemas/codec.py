"""Facts and segments to bytes and back (MessagePack). No sockets, no files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any, TypeVar

import msgspec

from schemas.envelope import SEGMENT_FORMAT, Fact, Segment, SegmentHead
from schemas.registry import BY_NAME, NAME_OF, UPCASTS, Upcast
from schemas.tolerance import without_unknown


class Malformed(ValueError):
    """Bytes that are no segment, or a fact whose data does not fit its name. The text quotes nothing of the bytes."""


class Written(SegmentHead, frozen=True, array_like=True):
    """A `Segment` whose facts stay as they were written."""

    facts: list[msgspec.Raw]


_Shape = TypeVar("_Shape", Segment, Written)
# a text that is no UTF-8 is told apart from other damage by msgspec, and nesting has no limit of its own
_DAMAGE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_encoder = msgspec.msgpack.Encoder()
_segment = msgspec.msgpack.Decoder(Segment)
_head = msgspec.msgpack.Decoder(SegmentHead)
_written = msgspec.msgpack.Decoder(Written)
_data: dict[str, msgspec.msgpack.Decoder[Any]] = {
    name: msgspec.msgpack.Decoder(entry.shape) for name, entry in BY_NAME.items()
}


def fact(
    data: msgspec.Struct,
    id: str,
    time: int,
    tenant: str,
    actor: str,
    correlation: str,
    causation: str = "",
) -> Fact:
    """Puts a fact's struct into its envelope.

    Raises:
        KeyError: the struct is not in the registry.
    """
    return Fact(
        id,
        time,
        tenant,
        actor,
        correlation,
        causation,
        NAME_OF[type(data)],
        msgspec.Raw(_encoder.encode(data)),
    )


def encode_fact(value: Fact) -> bytes:
    return _encoder.encode(value)


Noted = tuple[str, msgspec.Struct, int]
"""A fact's name, its struct (or one that is encoded as that is), and when it happened."""


def written_facts(
    noted: Sequence[Noted],
    ids: Sequence[str],
    tenant: str,
    actor: str,
    correlation: str,
    causation: str = "",
) -> list[bytes]:
    """The bytes that `encode_fact` makes of `fact`, each caused by the one before, in one go: a `Fact` of each first
    would take twice the instructions.

    Args:
        noted: at least one.
        ids: one for each.
        causation: of the first.
    """
    # to say `strict` to a zip takes as long as what it does here
    names, datas, times = zip(*noted)  # noqa: B905
    envelopes = zip(ids, times, repeat(tenant), repeat(actor), repeat(correlation), (causation, *ids), names, datas)
    return [*map(_encoder.encode, envelopes)]


def encode_segment(subject: str, writer: str, boot: str, number: int, previous: bytes, facts: Sequence[bytes]) -> bytes:
    """The bytes of a segment from facts that are encoded already."""
    head = _encoder.encode((SEGMENT_FORMAT, subject, writer, boot, number, previous))
    # six fields, and the facts as the seventh (MessagePack, "array format family"): to wrap each fact for the encoder
    # takes longer than everything else here
    count = len(facts)
    if count < 1 << 4:
        array = bytes((0x90 | count,))
    else:
        array = b"\xdc" + count.to_bytes(2, "big") if count < 1 << 16 else b"\xdd" + count.to_bytes(4, "big")
    return b"".join((b"\x97", head[1:], array, *facts))


def decode_segment(payload: bytes) -> Segment:
    """Reads a segment; the facts' data stay encoded.

    Raises:
        Malformed: not a segment of a known format.
    """
    return _known(_segment, payload)


def decode_head(payload: bytes) -> SegmentHead:
    """Reads only what a chain needs.

    Raises:
        Malformed: not a segment.
    """
    try:
        return _head.decode(payload)
    except _DAMAGE as error:
        raise Malformed(f"not a segment: {_why(error)}") from None


def decode_written(payload: bytes) -> Written:
    """Reads a segment to write it anew: `encode_segment` of its parts has the same bytes.

    Raises:
        Malformed: not a segment of a known format.
    """
    return _known(_written, payload)


def _known(decoder: msgspec.msgpack.Decoder[_Shape], payload: bytes) -> _Shape:
    try:
        segment = decoder.decode(payload)
    except _DAMAGE as error:
        raise Malformed(f"not a segment: {_why(error)}") from None
    if segment.format != SEGMENT_FORMAT:
        raise Malformed(f"segment format {segment.format} is not known here")
    return segment


def open_fact(
    value: Fact, upcasts: Mapping[str, tuple[type[msgspec.Struct], Upcast]] = UPCASTS
) -> msgspec.Struct | None:
    """The fact's struct in today's shape; None for a name that this version does not know.

    Raises:
        Malformed: the data does not fit the name.
    """
    name = value.type
    try:
        if name in upcasts:
            shape, upcast = upcasts[name]
            return _upcast(upcast(_decode(msgspec.msgpack.Decoder(shape), value.data)), upcasts)
        decoder = _data.get(name)
        return None if decoder is None else _decode(decoder, value.data)
    except _DAMAGE as error:
        raise Malformed(f"data of {name} does not fit: {_why(error)}") from None


def _decode(decoder: msgspec.msgpack.Decoder[Any], data: msgspec.Raw) -> msgspec.Struct:
    try:
        return decoder.decode(data)  # type: ignore[no-any-return]
    except msgspec.ValidationError:
        # maybe it only says more than this version knows
        known = without_unknown(msgspec.msgpack.decode(data), msgspec.inspect.type_info(decoder.type))
        return msgspec.convert(known, decoder.type)  # type: ignore[no-any-return]


def _why(error: Exception) -> str:
    """In words that quote nothing of the bytes."""
    if isinstance(error, UnicodeDecodeError):
        return "a text is not UTF-8"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _upcast(data: msgspec.Struct, upcasts: Mapping[str, tuple[type[msgspec.Struct], Upcast]]) -> msgspec.Struct:
    for shape, upcast in upcasts.values():
        if type(data) is shape:
            return _upcast(upcast(data), upcasts)
    return data


def segment_hash(payload: bytes) -> bytes:
    """SHA-256 of a segment's bytes, 32 bytes: what the next one calls `previous`."""
    return hashlib.sha256(payload).digest()


def fact_view(value: Fact) -> dict[str, Any]:
    """A fact for people and JSON: envelope names, and the data by field name; ciphertext only as its size and hash."""
    data = open_fact(value)
    body = {"undecoded": _undecoded(value.data)} if data is None else _named(data)
    return {
        "id": value.id,
        "time_us": value.time,
        "type": value.type,
        "tenant": value.tenant,
        "actor": value.actor,
        "correlation": value.correlation,
        "causation": value.causation,
        "data": body,
    }


def _undecoded(data: msgspec.Raw) -> Any:
    """Data of an unknown shape as far as JSON can say it; bytes that say nothing in hex."""
    try:
        return msgspec.to_builtins(_named(msgspec.msgpack.decode(data, ext_hook=_extension)))
    except _DAMAGE:
        return bytes(data).hex()


def _extension(code: int, data: memoryview) -> str:
    return f"({code}) {data.hex()}"


def _named(value: Any) -> Any:
    """Positional structs by field name, without the bytes of sealed bodies."""
    if isinstance(value, msgspec.Struct):
        named = {name: _named(getattr(value, name)) for name in value.__struct_fields__}
        if "ciphertext" in named:
            sealed = value.ciphertext  # type: ignore[attr-defined]
            named["ciphertext"] = f"({len(sealed)} bytes)"
        return named
    if isinstance(value, (tuple, list)):
        return [_named(item) for item in value]
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(_named(key)): _named(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return value.hex()
    return value
