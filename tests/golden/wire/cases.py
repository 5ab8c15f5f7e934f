"""Running one golden wire file: what its codec makes of every `in`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec

from ingress.codecs.codec import ToldError
from ingress.codecs.registry import CHAT, ONE_SHOT
from schemas.conversation.answer import Ended, Event, Failed
from schemas.facts.traffic import Usage

HERE = Path(__file__).parent
RELEASED = HERE / "released.json"


def files() -> list[Path]:
    return sorted(path for path in HERE.glob("*/*.json"))


def name_of(path: Path) -> str:
    return path.relative_to(HERE).as_posix()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def released() -> dict[str, str]:
    found: dict[str, str] = json.loads(RELEASED.read_text()) if RELEASED.is_file() else {}
    return found


def run(protocol: str, case: dict[str, Any]) -> dict[str, Any]:
    """The case with every `out` as it is today."""
    return {**case, **(_chat(protocol, case) if protocol in CHAT else _one_shot(protocol, case))}


def _chat(protocol: str, case: dict[str, Any]) -> dict[str, Any]:
    codec: Any = CHAT[protocol]
    made: dict[str, Any] = {}
    if (request := case.get("request")) is not None:
        front: Any = CHAT[request["from"]]
        written = codec.write_request(front.read_request(request["in"]))
        made["request"] = {**request, "out": written.body, "dropped": list(written.dropped)}
    if (answer := case.get("answer")) is not None:
        made["answer"] = {**answer, "out": _told(codec, answer["in"])}
    if (stream := case.get("stream")) is not None:
        made["stream"] = {**stream, "out": [_plain(event) for event in _events(codec, stream["in"])]}
    return {**made, **_error(codec, case)}


def _told(codec: Any, answer: Any) -> Any:
    """An answer in the words of OpenAI's chat; an error told in its place as that."""
    openai: Any = CHAT["openai_chat"]
    try:
        return openai.write_answer(codec.read_answer(msgspec.json.encode(answer)))
    except ToldError as error:
        return {"error": msgspec.to_builtins(error.told)}


def _one_shot(protocol: str, case: dict[str, Any]) -> dict[str, Any]:
    codec: Any = ONE_SHOT[protocol]
    made: dict[str, Any] = {}
    request = case["request"]
    front: Any = ONE_SHOT[request["from"]]
    asked = front.read_request(request["in"])
    written = codec.write_request(asked)
    made["request"] = {**request, "out": written.body, "dropped": list(written.dropped)}
    if (answer := case.get("answer")) is not None:
        read = codec.read_answer(msgspec.json.encode(answer["in"]))
        made["answer"] = {**answer, "out": front.write_answer(read, asked)}
    return {**made, **_error(codec, case)}


def _error(codec: Any, case: dict[str, Any]) -> dict[str, Any]:
    if (error := case.get("error")) is None:
        return {}
    return {"error": {**error, "out": msgspec.to_builtins(codec.read_error(msgspec.json.encode(error["in"])))}}


def _events(codec: Any, told: list[Any]) -> list[Event]:
    """`told` is a list of [event, data]; data that is a string is sent as it is, all other as JSON."""
    reader = codec.reader()
    events: list[Event] = []
    for name, data in told:
        events += reader.read(name, data.encode() if isinstance(data, str) else msgspec.json.encode(data))
    return events if events and isinstance(events[-1], (Ended, Failed)) else [*events, *reader.end()]


def _said(usage: Usage) -> dict[str, int]:
    return {name: value for name, value in msgspec.structs.asdict(usage).items() if value}


def _plain(event: Event) -> list[Any]:
    """Its name and the fields in which it says something."""
    fields: dict[str, Any] = {}
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if value not in (None, ""):
            fields[name] = _said(value) if isinstance(value, Usage) else value
    return [type(event).__name__, fields]
