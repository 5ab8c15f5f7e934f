"""What every judge shares: its orders from stdin, one line of JSON for each thing it saw, headers that told of losses.

Runs in the judges' own environment; it may import nothing of this project.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from typing import Any

Models = Callable[..., str]
Look = Callable[[Models], dict[str, Any]]

FUNCTION = "weather"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
NESTED = {
    "type": "object",
    "properties": {
        "places": {"type": "array", "items": {"$ref": "#/$defs/Place"}},
        "either": {"anyOf": [{"$ref": "#/$defs/Place"}, {"type": "null"}]},
    },
    "required": ["places", "either"],
    "additionalProperties": False,
    "$defs": {"Place": SCHEMA},
}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WAV = "UklGRigAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQQAAAAAAAAA"
PDF = "JVBERi0xLjQKMSAwIG9iago8PCAvVHlwZSAvQ2F0YWxvZyA+PgplbmRvYmoKJSVFT0YK"
HELLO = "Say something."
USE = "Use the tool weather for Paris."
_dropped: set[str] = set()


def listen() -> None:
    """Hears of `x-nexus-dropped` on any answer, whatever the SDK makes of it."""
    for name in ("httpx", "httpx2"):
        try:
            client = importlib.import_module(name).Client
        except ImportError:
            continue

        def send(self: Any, *args: Any, _send: Any = client.send, **named: Any) -> Any:
            answer = _send(self, *args, **named)
            told = answer.headers.get("x-nexus-dropped", "")
            _dropped.update(filter(None, told.split(", ")))
            return answer

        client.send = send


def orders() -> dict[str, Any]:
    """`base`, `key`, `accounts` (account to model), `prefixed`: whether a model's name begins with its account."""
    found: dict[str, Any] = json.load(sys.stdin)
    return found


def observe(asked: dict[str, Any], looks: dict[str, Look]) -> None:
    """Looks at every feature over every account, and says what was seen; at those alone that are ordered, if any."""
    wanted = asked.get("features") or list(looks)
    for account, name in asked["accounts"].items():
        before = f"{account}/" if asked["prefixed"] else ""

        def models(knob: str = "", before: str = before, name: str = name) -> str:
            return f"{before}{name}+{knob}" if knob else before + name

        for feature, look in looks.items():
            if feature not in wanted:
                continue
            _dropped.clear()
            try:
                seen = look(models)
            except Exception as error:
                seen = told(error)
            line = {"account": account, "feature": feature, "seen": seen, "dropped": sorted(_dropped)}
            print(json.dumps(line), flush=True)


def told(error: Exception) -> dict[str, Any]:
    """What an SDK's exception says."""
    status = getattr(error, "status_code", None) or getattr(error, "code", None)
    response = getattr(error, "response", None)
    if not isinstance(status, int) and isinstance(response, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if not isinstance(status, int):
        status = getattr(error, "http_status", None)
    return {"error": type(error).__name__, "status": status, "message": str(error)[:400]}


def parsed(text: str | None) -> Any:
    """What a text says as JSON; None when it is none."""
    try:
        return json.loads(text or "")
    except ValueError:
        return None


def schemed(ask: Callable[[Any], Any]) -> Any:
    """What is answered for a schema, if one with references and choices in it is answered too; else what that gave."""
    flat, nested = ask(SCHEMA), ask(NESTED)
    return flat if nested == {"places": [flat], "either": flat} else nested


def failing(call: Callable[[], Any]) -> dict[str, Any]:
    """What a call that must fail says."""
    try:
        call()
    except Exception as error:
        return told(error)
    return {"error": "", "status": 200, "message": "no error"}
