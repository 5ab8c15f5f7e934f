"""What the mock says in any wire format but OpenAI's chat fast path: neutral shapes in, neutral answer out. Pure.

The token rules are those of ``ops.mock.answer``. A thought is counted like text, and part of the completion.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

import msgspec

from ops.mock.answer import FIXED_PIECES, FIXED_TEXT, count, example, pieces
from ops.mock.behaviour import Behaviour
from ops.mock.refusal import Refusal

THOUGHT = "The mock provider thinks before it speaks."
_TOOL_WORD = re.compile(r"\btools?\b", re.IGNORECASE)


class Function(msgspec.Struct):
    """A function that may be called; ``parameters`` is a JSON Schema."""

    name: str
    parameters: object = None


class Asked(msgspec.Struct, kw_only=True):
    """One conversation, whatever the wire format."""

    model: str
    texts: list[str] = []
    """Of all messages and instructions."""
    turns: int = 0
    last_user: str = ""
    user_is_last: bool = True
    seen: list[str] = []
    """What else came, a line each: ``image image/png 68``."""
    functions: list[Function] = []
    choice: str = "auto"
    """auto, none, required; or the one function to call, after ``=``."""
    parallel: bool = True
    stream: bool = False
    limit: int | None = None
    choices: int = 1
    json: bool = False
    schema: object = None
    thinks: bool = False

    def message(self, role: str, *texts: str) -> None:
        """Notes one message."""
        self.turns += 1
        self.texts += texts
        self.user_is_last = role == "user"
        if role == "user":
            self.last_user = "".join(texts)

    def media(self, kind: str, mime: str, data: str) -> None:
        """Notes a picture, sound or file by its base64 text or its address."""
        if data.startswith("data:"):
            head, _, data = data.partition(",")
            mime = head[5:].partition(";")[0]
        elif "://" in data:
            self.seen.append(f"{kind} {data}")
            return
        try:
            size = len(base64.b64decode(data, validate=True))
        except ValueError:
            raise Refusal(400, f"The {kind} is not valid base64.", param=kind) from None
        self.seen.append(f"{kind} {mime} {size}")


class ToolUse(msgspec.Struct):
    """One call of a function; ``pieces`` make its arguments as JSON."""

    name: str
    pieces: Sequence[str]
    arguments: object


class Said(msgspec.Struct):
    """One composed answer."""

    pieces: Sequence[str]
    calls: list[ToolUse]
    thoughts: Sequence[str]
    finish: str
    """stop, length or tool_calls."""
    choices: int
    prompt_tokens: int
    completion_tokens: int

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def thought(self) -> str:
        return "".join(self.thoughts)

    @property
    def thought_tokens(self) -> int:
        return len(self.thoughts) * self.choices

    @property
    def steps(self) -> int:
        """Tokens of one choice."""
        return len(self.thoughts) + len(self.pieces) + sum(len(call.pieces) for call in self.calls)


def prompt_tokens(asked: Asked) -> int:
    """Tokens of the prompt."""
    return 3 + 3 * asked.turns + sum(map(count, asked.texts))


def compose(asked: Asked, behaviour: Behaviour) -> Said:
    """Decide the whole answer, before its first byte leaves."""
    wanted = _functions(asked, behaviour)
    calls = []
    for function in wanted:
        arguments = example(function.parameters or {"type": "object"})
        calls.append(ToolUse(function.name, pieces(msgspec.json.encode(arguments).decode()), arguments))
    found: Sequence[str] = () if calls else _text(asked, behaviour)
    finish = "tool_calls" if calls else "stop"
    if asked.limit is not None and not calls and len(found) > asked.limit:
        found, finish = found[: asked.limit], "length"
    thoughts = pieces(THOUGHT) if asked.thinks or behaviour.think else []
    said = len(thoughts) + len(found) + sum(1 + len(call.pieces) for call in calls)
    return Said(found, calls, thoughts, finish, asked.choices, prompt_tokens(asked), said * asked.choices)


def _text(asked: Asked, behaviour: Behaviour) -> Sequence[str]:
    if behaviour.mode == "inventory":
        text = "; ".join([f"turns {asked.turns}", *asked.seen])
    else:
        text = (asked.last_user if behaviour.mode == "echo" else FIXED_TEXT) or FIXED_TEXT
    wanted = behaviour.tokens
    if wanted is not None:
        text = (text * (1 + wanted * 4 // len(text.encode())))[: wanted * 4]
    if asked.json:
        value = {"answer": text} if asked.schema is None else example(asked.schema, text)
        return pieces(msgspec.json.encode(value).decode())
    return FIXED_PIECES if text is FIXED_TEXT else pieces(text)[:wanted]


def _functions(asked: Asked, behaviour: Behaviour) -> list[Function]:
    """Which to call: the forced one; else, when asked for a tool and not yet given its result, one by name."""
    offered = asked.functions
    if not offered or asked.choice == "none":
        return []
    if asked.choice.startswith("="):
        first = next(function for function in offered if function.name == asked.choice[1:])
    else:
        wants = asked.user_is_last and _TOOL_WORD.search(asked.last_user) is not None
        if asked.choice != "required" and not wants:
            return []
        first = next((function for function in offered if function.name in asked.last_user), offered[0])
    many = (behaviour.calls or 1) if asked.parallel else 1
    start = offered.index(first)
    return [offered[(start + k) % len(offered)] for k in range(many)]
