"""Regular expressions matched in linear time: a set of states is led over the text once (Thompson, 1968). Pure.

The subset is what such a machine can do: literals, `.`, classes, `\\d \\w \\s` and their opposites, groups, `|`, `?`,
`*`, `+`, `{m,n}`. A pattern is always held against the whole text.
"""

from __future__ import annotations

from collections.abc import Callable

MAX_PATTERN = 200
MAX_STATES = 2_000
"""A repeat is paid for with a copy of what it repeats."""

Test = Callable[[str], bool]
_WORDS: dict[str, Test] = {
    "d": lambda c: c in "0123456789",
    "w": lambda c: c == "_" or (c.isascii() and c.isalnum()),
    "s": lambda c: c in " \t\n\r\f\v",
}
_CONTROL = {"n": "\n", "t": "\t", "r": "\r"}
_SPECIAL = frozenset("\\.[](){}|?*+^$")


class PatternError(ValueError):
    """The pattern is outside of the subset; the message says where."""


class _State:
    """Either a test of one character and where to go then, or places to go to without one."""

    __slots__ = ("next", "test")

    def __init__(self, test: Test | None = None) -> None:
        self.test = test
        self.next: list[int] = []


class LinearPattern:
    """A compiled pattern."""

    __slots__ = ("_end", "_start", "_states")

    def __init__(self, pattern: str) -> None:
        """
        Raises:
            PatternError
        """
        if len(pattern) > MAX_PATTERN:
            raise PatternError(f"it is longer than {MAX_PATTERN} characters")
        self._states: list[_State] = []
        reader = _Reader(pattern)
        tree = reader.alternatives()
        if reader.at < len(pattern):
            raise PatternError(f"at {reader.at}: `)` without its `(`")
        self._start, self._end = self._state(), self._state()
        self._build(tree, self._start, self._end)

    def matches(self, text: str) -> bool:
        """Whether the pattern fits the whole text. Steps: characters times states, at most."""
        states = self._states
        here = self._closure([self._start])
        for character in text:
            found = []
            for number in here:
                state = states[number]
                if state.test is not None and state.test(character):
                    found += state.next
            here = self._closure(found)
            if not here:
                return False
        return self._end in here

    def _closure(self, numbers: list[int]) -> set[int]:
        """All states that these lead to without a character."""
        reached: set[int] = set()
        while numbers:
            number = numbers.pop()
            if number not in reached:
                reached.add(number)
                if self._states[number].test is None:
                    numbers += self._states[number].next
        return reached

    def _state(self, test: Test | None = None) -> int:
        if len(self._states) >= MAX_STATES:
            raise PatternError("it repeats too much")
        self._states.append(_State(test))
        return len(self._states) - 1

    def _build(self, node: _Node, start: int, end: int) -> None:
        """Leads from one state to another as the node says."""
        match node:
            case _Char(test):
                here = self._state(test)
                self._states[start].next.append(here)
                self._states[here].next.append(end)
            case _Sequence(parts):
                for part in parts:
                    then = self._state()
                    self._build(part, start, then)
                    start = then
                self._states[start].next.append(end)
            case _Either(ways):
                for way in ways:
                    self._build(way, start, end)
            case _Repeat(inner, least, most):
                for _ in range(least):
                    then = self._state()
                    self._build(inner, start, then)
                    start = then
                if most is None:
                    loop = self._state()
                    self._states[start].next.append(loop)
                    self._build(inner, loop, loop)
                    start = loop
                for _ in range(0 if most is None else most - least):
                    then = self._state()
                    self._build(inner, start, then)
                    self._states[start].next.append(end)
                    start = then
                self._states[start].next.append(end)


class _Char:
    __match_args__ = ("test",)

    def __init__(self, test: Test) -> None:
        self.test = test


class _Sequence:
    __match_args__ = ("parts",)

    def __init__(self, parts: list[_Node]) -> None:
        self.parts = parts


class _Either:
    __match_args__ = ("ways",)

    def __init__(self, ways: list[_Node]) -> None:
        self.ways = ways


class _Repeat:
    __match_args__ = ("inner", "least", "most")

    def __init__(self, inner: _Node, least: int, most: int | None) -> None:
        self.inner, self.least, self.most = inner, least, most


_Node = _Char | _Sequence | _Either | _Repeat


class _Reader:
    """Recursive descent over the pattern's text."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self.at = 0
        self._depth = 0

    def alternatives(self) -> _Node:
        ways: list[_Node] = [self._sequence()]
        while self._peek() == "|":
            self.at += 1
            ways.append(self._sequence())
        return ways[0] if len(ways) == 1 else _Either(ways)

    def _sequence(self) -> _Node:
        parts: list[_Node] = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._repeated(self._atom()))
        return _Sequence(parts)

    def _repeated(self, node: _Node) -> _Node:
        sign = self._peek()
        if sign in ("?", "*", "+") and sign:
            self.at += 1
            least, most = {"?": (0, 1), "*": (0, None), "+": (1, None)}[sign]
        elif sign == "{":
            least, most = self._counts()
        else:
            return node
        if self._peek() and self._peek() in "?*+{":
            raise self._wrong("a repeat of a repeat")
        return _Repeat(node, least, most)

    def _counts(self) -> tuple[int, int | None]:
        end = self._text.find("}", self.at)
        low, comma, high = self._text[self.at + 1 : end].partition(",") if end > 0 else ("", "", "")
        if not low.isdecimal() or (high and not high.isdecimal()) or len(low) > 3 or len(high) > 3:
            raise self._wrong("`{` must begin {m}, {m,} or {m,n}; write \\{ for the character")
        self.at = end + 1
        least = int(low)
        most = (int(high) if high else None) if comma else least
        if most is not None and most < least:
            raise self._wrong("the repeat's limits are the wrong way round")
        return least, most

    def _atom(self) -> _Node:
        sign = self._take()
        if sign == ".":
            return _Char(lambda c: c != "\n")
        if sign == "(":
            return self._group()
        if sign == "[":
            return _Char(self._class())
        if sign == "\\":
            return _Char(self._escape())
        if sign in _SPECIAL:
            raise self._wrong(f"`{sign}` has no place here; write \\{sign} for the character")
        return _Char(lambda c: c == sign)

    def _group(self) -> _Node:
        if self._peek() == "?":
            if not self._text.startswith("?:", self.at):
                raise self._wrong("look-around, names and flags are not part of the subset")
            self.at += 2
        self._depth += 1
        if self._depth > 20:
            raise self._wrong("groups are nested too deeply")
        inner = self.alternatives()
        if self._peek() != ")":
            raise self._wrong("`(` without its `)`")
        self.at += 1
        self._depth -= 1
        return inner

    def _escape(self) -> Test:
        sign = self._take()
        if sign.lower() in _WORDS:
            test = _WORDS[sign.lower()]
            return test if sign.islower() else lambda c: not test(c)
        if sign in _CONTROL:
            sign = _CONTROL[sign]
        elif sign.isalnum():
            raise self._wrong("back-references and this escape are not part of the subset")
        return lambda c: c == sign

    def _class(self) -> Test:
        """What is between brackets; `]` comes first or escaped."""
        negated = self._peek() == "^"
        self.at += negated
        tests: list[Test] = []
        while True:
            sign = self._take()
            if sign == "]" and tests:
                break
            low = sign
            if sign == "\\":
                escaped = self._peek()
                if escaped.lower() in _WORDS:
                    tests.append(self._escape())
                    continue
                self._escape()
                low = _CONTROL.get(escaped, escaped)
            if self._peek() == "-" and self._text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                high = self._take()
                if high == "\\":
                    high = self._take()
                if high < low:
                    raise self._wrong("a range is the wrong way round")
                tests.append(lambda c, low=low, high=high: low <= c <= high)  # type: ignore[misc]
            else:
                tests.append(lambda c, low=low: c == low)  # type: ignore[misc]
        return lambda c: any(test(c) for test in tests) != negated

    def _peek(self) -> str:
        return self._text[self.at : self.at + 1]

    def _take(self) -> str:
        sign = self._peek()
        if not sign:
            raise self._wrong("it ends too early")
        self.at += 1
        return sign

    def _wrong(self, what: str) -> PatternError:
        return PatternError(f"at {self.at}: {what}")
