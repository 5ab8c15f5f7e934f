"""Inputs from inputs: bytes changed, and JSON changed as JSON. All chance is from one seed."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

from ingress.codecs.aws_events import AwsEventError, AwsEventParser
from ops.mock.wires.bedrock import frame

SPICE = (
    b"\r", b"\n", b"\r\n", b"\n\n", b"\r\n\r\n", b"data: ", b"data:", b"event: ", b": \n", b"retry: 1\n", b"[DONE]",
    b"data: [DONE]\n\n", b"\xef\xbb\xbf", b"\x00", b"\xff", b"\xed\xa0\x80", b"\\ud800", b"\\u0000", b"{", b"}", b"[",
    b"]", b'"', b"\\", b",", b":", b"null", b"true", b"-0", b"1e999", b"1E-400", b"NaN", b"9" * 30, b"1" * 5_000,
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**40, 0.5, -0.0, 1e308, "", " ",
    "a", "\x00", "\u2028", "é", "😀", "0", "-1", "null", "data:image/png;base64,!!!", "data:,", "https://", "s3://",
    "file:///", [], {}, [[]], [{}], {"": ""}, "x" * 4_000, [None] * 50, {"type": None}, {"type": []}, [[[[]]]],
)  # fmt: skip
LARGEST = 64 * 1024
"""Bytes of an input; a hundredth of them are made far larger."""
FAR_LARGER = 1024 * 1024
_DEEP = b"[" * 2_000


class Mutator:
    """Makes inputs out of seeds and of words that occur in them."""

    def __init__(self, dice: random.Random, words: Sequence[str]) -> None:
        self._dice = dice
        self._words = words

    def of(self, seeds: Sequence[bytes]) -> bytes:
        """An input."""
        dice = self._dice
        made = dice.choice(seeds)
        for _ in range(dice.choice((1, 1, 1, 2, 2, 3, 5, 9))):
            made = self._structure(made) if dice.random() < 0.6 else self._bytes(made, seeds)
        if dice.random() < 0.01 and made:
            at = dice.randrange(len(made))
            part = made[at : at + dice.choice((1, 2, 7, 64, 700))]
            made = made[:at] + part * min(FAR_LARGER // len(part), 200_000) + made[at:]
            return made[:FAR_LARGER]
        return made[:LARGEST]

    def cuts(self, size: int) -> tuple[int, ...]:
        """Where it is split: nowhere, at some places, at every byte, or in even pieces."""
        dice = self._dice
        way = dice.randrange(4)
        if way == 0 or size < 2:
            return ()
        if way == 1:
            return tuple(sorted(dice.randrange(1, size) for _ in range(dice.randrange(1, 9))))
        if way == 2 and size <= 4_096:
            return tuple(range(1, size))
        step = max(dice.choice((3, 17, 100, 1_000)), size // 4_096)
        return tuple(range(step, size, step))

    def _bytes(self, raw: bytes, seeds: Sequence[bytes]) -> bytes:
        dice = self._dice
        at = dice.randrange(len(raw) + 1)
        to = min(len(raw), at + dice.choice((1, 1, 2, 4, 16, 200)))
        match dice.randrange(8):
            case 0:
                return raw[:at] + bytes([dice.randrange(256)]) + raw[to:]
            case 1:
                return raw[:at] + raw[to:]
            case 2:
                return raw[:at] + raw[at:to] * dice.choice((2, 3, 50)) + raw[to:]
            case 3:
                return raw[:at]
            case 4:
                other = dice.choice(seeds)
                return raw[:at] + other[dice.randrange(len(other) + 1) :]
            case 5:
                return raw[:at] + dice.choice(self._words).encode("utf-8", "surrogatepass") + raw[to:]
            case 6:
                return raw[:at] + b"[" * dice.choice((10, 100, 2_000)) + raw[at:]
        return raw[:at] + dice.choice(SPICE) + raw[at:]

    def _structure(self, raw: bytes) -> bytes:
        """Changes one place of JSON: the whole of the bytes, or one line's data."""
        whole = _decoded(raw)
        if whole is not None:
            return self._altered(whole)
        if raw[:1] == b"\x00":
            return self._frames(raw)
        lines = raw.split(b"\n")
        places = [number for number, line in enumerate(lines) if line.startswith(b"data:")]
        if not places:
            return raw
        number = self._dice.choice(places)
        value = _decoded(lines[number][5:])
        if value is not None:
            lines[number] = b"data: " + self._altered(value).replace(b"\n", b"")
        return b"\n".join(lines)

    def _altered(self, value: Any) -> bytes:
        try:
            return _encoded(self._changed(value))
        except RecursionError:
            return _DEEP  # too deep to be looked through

    def _frames(self, raw: bytes) -> bytes:
        """Changes the payload or the name of one message of AWS's event stream, whose checksums are right again."""
        try:
            events = AwsEventParser().feed(raw)
        except AwsEventError:
            return raw
        frames = [event.raw for event in events]
        if not frames:
            return raw
        at = self._dice.randrange(len(frames))
        value = _decoded(events[at].data)
        name = events[at].event.decode(errors="replace")
        if self._dice.random() < 0.2:
            name = self._dice.choice(self._words)
        data = events[at].data if value is None else self._altered(value)
        kind = self._dice.choice(("event", "event", "event", "exception", "error", ""))
        frames[at] = frame({":message-type": kind, f":{kind or 'event'}-type": name}, data)
        if self._dice.random() < 0.2:
            self._dice.shuffle(frames)
        return b"".join(frames)

    def _changed(self, value: Any) -> Any:
        holders = list(_holders(value))
        if not holders:
            return self._value()
        dice = self._dice
        holder = dice.choice(holders)
        key = dice.choice(list(holder)) if isinstance(holder, dict) else dice.randrange(len(holder))
        match dice.randrange(7):
            case 0:
                del holder[key]
            case 1:
                holder[key] = dice.choice(_everything(value))
            case 2 if isinstance(holder, dict):
                holder[dice.choice(self._words)] = holder.pop(key)
            case 3 if isinstance(holder, dict):
                holder[dice.choice(self._words)] = self._value()
            case 3:
                holder.insert(key, self._value())
            case 4:
                holder[key] = [holder[key]] if dice.random() < 0.5 else {dice.choice(self._words): holder[key]}
            case 5:
                deep: Any = holder[key]
                for _ in range(dice.choice((5, 70, 500))):
                    deep = [deep] if dice.random() < 0.5 else {"content": deep}
                holder[key] = deep
            case _:
                holder[key] = self._value()
        return value

    def _value(self) -> Any:
        # a new one each time: what was put in may be changed afterwards
        return json.loads(json.dumps(self._dice.choice((*VALUES, self._dice.choice(self._words)))))


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _encoded(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return _DEEP


def _everything(value: Any) -> list[Any]:
    """Every value in it, as copies."""
    found = [json.loads(json.dumps(inner)) for holder in _holders(value) for inner in _inner(holder)]
    return found[:200] or [value]


def _inner(holder: Any) -> list[Any]:
    return list(holder.values()) if isinstance(holder, dict) else list(holder)


def _holders(value: Any) -> list[Any]:
    """Objects and lists that have something in them, the outermost first."""
    found: list[Any] = []
    waiting = [value]
    while waiting and len(found) < 500:
        each = waiting.pop(0)
        if isinstance(each, dict | list) and each:
            found.append(each)
            waiting += _inner(each)
    return found
