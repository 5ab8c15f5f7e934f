"""Headers of answers: whatever a caller called its fields, they are one line each."""

from __future__ import annotations

import msgspec

from ingress.codecs.openai_chat import parse_request
from ingress.gateway.answers import answer_headers
from ingress.gateway.door import Door
from ingress.gateway.record import OpenRequests, Record
from ingress.providers.outgoing import prepare
from schemas.aggregates.provider import Provider
from schemas.ids import Ids, SystemClock


class Wire:
    """Stands for a connection: keeps what is written."""

    closed = congested = False
    date = address = ""
    written = b""

    def write(self, data: bytes) -> None:
        self.written += data


def test_a_dropped_field_with_a_line_end_in_its_name_begins_no_header_of_its_own() -> None:
    message = {"role": "user", "content": "hi", "a\r\nset-cookie: b": 1, "é": 2}
    asked = parse_request(msgspec.json.encode({"model": "m", "messages": [message]}))
    account = Provider(id="p", tenant="t", base_url="http://h/v1", wire="mistral")
    clock = SystemClock()
    record = Record([], clock, OpenRequests("w", "b"), Ids(clock))
    record.dropped = prepare(asked, account, "m", None).dropped
    assert any("\r\n" in name for name in record.dropped)
    wire = Wire()
    door = Door(wire, "POST", "/", {}, modern=True, keep=False)  # type: ignore[arg-type]
    door.answer(200, answer_headers(record, "", "application/json"), b"{}")
    lines = wire.written.partition(b"\r\n\r\n")[0].split(b"\r\n")
    (told,) = [line for line in lines if line.startswith(b"x-nexus-dropped: ")]
    assert b"messages.a??set-cookie: b" in told and b"messages.?" in told
    assert not any(line.startswith(b"set-cookie") for line in lines)
