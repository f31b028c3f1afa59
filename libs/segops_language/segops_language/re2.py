"""A check of RE2's syntax, for saying at save time what the engine would refuse at compute time.

Conservative: what passes compiles in RE2; a few exotic patterns that RE2 would take (Unicode classes by script name
under a large repetition, for one) are refused by the estimate of the compiled size.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

MAX_REPEAT: Final = 1000
"""RE2's own limit, on one count and on the product of nested ones."""

MAX_INSTRUCTIONS: Final = 200_000
"""Under the quarter of a million that RE2's memory limit allows: 446 copies of `\\pL` compile, 447 do not."""

_ASCII_WEIGHT: Final = 2
_UNICODE_WEIGHT: Final = 16
_PROPERTY_WEIGHT: Final = 600

_COUNT: Final = re.compile(r"\{(\d+)(,(\d*))?\}", re.ASCII)
_GROUP_NAME: Final = re.compile(r"\(\?P?<([A-Za-z_]\w*)>", re.ASCII)
_GROUP_FLAGS: Final = re.compile(r"\(\?([imsU]*)(-[imsU]+)?([:)])", re.ASCII)
_HEX: Final = re.compile(r"\\x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})", re.ASCII)
_OCTAL: Final = re.compile(r"\\(?:0[0-7]{0,2}|[1-7][0-7]{1,2})", re.ASCII)
_PROPERTY: Final = re.compile(r"\\[pP](?:([A-Z])|\{(\^?)([A-Za-z_]+)\})", re.ASCII)
_POSIX: Final = re.compile(r"\[:\^?(.*?):\]", re.ASCII | re.DOTALL)

_POSIX_NAMES: Final = frozenset(
    [
        "alnum",
        "alpha",
        "ascii",
        "blank",
        "cntrl",
        "digit",
        "graph",
        "lower",
        "print",
        "punct",
        "space",
        "upper",
        "word",
        "xdigit",
    ]
)
_CATEGORIES: Final = frozenset(
    [
        "C",
        "Cc",
        "Cf",
        "Co",
        "Cs",
        "L",
        "Ll",
        "Lm",
        "Lo",
        "Lt",
        "Lu",
        "M",
        "Mc",
        "Me",
        "Mn",
        "N",
        "Nd",
        "Nl",
        "No",
        "P",
        "Pc",
        "Pd",
        "Pe",
        "Pf",
        "Pi",
        "Po",
        "Ps",
        "S",
        "Sc",
        "Sk",
        "Sm",
        "So",
        "Z",
        "Zl",
        "Zp",
        "Zs",
        "Any",
        "Latin",
        "Greek",
        "Cyrillic",
        "Arabic",
        "Hebrew",
        "Han",
        "Hiragana",
        "Katakana",
        "Hangul",
        "Thai",
        "Devanagari",
        "Armenian",
        "Georgian",
        "Common",
    ]
)
_SIMPLE_ESCAPES: Final = frozenset("afnrtv")
_CLASS_ESCAPES: Final = frozenset("dDsSwW")
_ASSERTIONS: Final = frozenset("AbBz")


class PatternError(ValueError):
    """The pattern is not RE2's; `reason` says why in words that hold nothing of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True)
class _Open:
    """A group that is being read: what its parts need so far, and the last part, which a repetition multiplies."""

    weight: int = 0
    product: int = 1
    last_weight: int = 0
    last_product: int = 1
    repeatable: bool = False
    repeated: bool = False

    def add(self, weight: int, product: int = 1) -> None:
        self.close_part()
        self.last_weight, self.last_product = weight, product
        self.repeatable, self.repeated = True, False

    def close_part(self) -> None:
        self.weight += self.last_weight
        self.product = max(self.product, self.last_product)
        self.last_weight, self.last_product = 0, 1
        self.repeatable = self.repeated = False

    def repeat(self, copies: int, *, counted: bool) -> None:
        if self.repeated:
            raise PatternError("a repetition of a repetition")
        if not self.repeatable:
            raise PatternError("a repetition of nothing")
        self.last_weight = self.last_weight * max(copies, 1) + 1
        if counted:
            self.last_product *= max(copies, 1)
        if self.last_product > MAX_REPEAT:
            raise PatternError("repetitions multiply to more than 1000")
        if self.last_weight > MAX_INSTRUCTIONS:
            raise PatternError("it is too large when its repetitions are written out")
        self.repeated = True


@dataclass(slots=True)
class _Reader:
    text: str
    at: int = 0
    stack: list[_Open] = field(default_factory=lambda: [_Open()])
    names: set[str] = field(default_factory=set)

    @property
    def top(self) -> _Open:
        return self.stack[-1]

    def read(self) -> None:
        while self.at < len(self.text):
            self._step(self.text[self.at])
        if len(self.stack) > 1:
            raise PatternError("a parenthesis is not closed")
        self.top.close_part()
        if self.top.weight > MAX_INSTRUCTIONS:
            raise PatternError("it is too large when its repetitions are written out")

    def _step(self, char: str) -> None:
        match char:
            case "(":
                self._open()
            case ")":
                self._close()
            case "|":
                self.top.close_part()
                self.at += 1
            case "*" | "+" | "?":
                self._repeat(1, length=1, counted=False)
            case "{":
                self._brace()
            case "[":
                self._class()
            case "\\":
                self._escape()
            case _:
                self._literal(char)

    def _literal(self, char: str) -> None:
        self.top.add(_UNICODE_WEIGHT if char == "." or not char.isascii() else _ASCII_WEIGHT)
        self.at += 1

    def _open(self) -> None:
        if not self.text.startswith("(?", self.at):
            self.at += 1
            self.stack.append(_Open())
            return
        named = _GROUP_NAME.match(self.text, self.at)
        if named is not None:
            if named[1] in self.names:
                raise PatternError("two groups have one name")
            self.names.add(named[1])
            self.at = named.end()
            self.stack.append(_Open())
            return
        flags = _GROUP_FLAGS.match(self.text, self.at)
        if flags is None:
            raise PatternError("look-around, back references and conditions are not supported")
        self.at = flags.end()
        if flags[3] == ":":
            self.stack.append(_Open())
        else:
            self.top.close_part()

    def _close(self) -> None:
        if len(self.stack) == 1:
            raise PatternError("a parenthesis is not opened")
        group = self.stack.pop()
        group.close_part()
        self.top.add(group.weight + 2, group.product)
        self.at += 1

    def _brace(self) -> None:
        count = _COUNT.match(self.text, self.at)
        if count is None:
            self._literal("{")
            return
        low = int(count[1])
        high = int(count[3]) if count[3] else low
        if max(low, high) > MAX_REPEAT or (count[3] and high < low):
            raise PatternError("a count is above 1000, or below its lower bound")
        self._repeat(max(low, high), length=len(count[0]), counted=True)

    def _repeat(self, copies: int, *, length: int, counted: bool) -> None:
        self.top.repeat(copies, counted=counted)
        self.at += length
        if self.text.startswith("?", self.at):
            self.at += 1

    def _escape(self) -> None:
        if self.text.startswith("\\Q", self.at):
            self._quoted()
            return
        if self.text[self.at + 1 : self.at + 2] in _ASSERTIONS and self.at + 1 < len(self.text):
            self.top.add(1)
            self.at += 2
            return
        self.top.add(self._escaped_weight())

    def _quoted(self) -> None:
        end = self.text.find("\\E", self.at + 2)
        body = self.text[self.at + 2 : end if end >= 0 else len(self.text)]
        for char in body:
            self.top.add(_ASCII_WEIGHT if char.isascii() else _UNICODE_WEIGHT)
        self.top.close_part()
        self.at = len(self.text) if end < 0 else end + 2

    def _escaped_weight(self) -> int:
        """Step over one escape that stands for characters, and say what it costs."""
        for form in (_HEX, _OCTAL, _PROPERTY):
            found = form.match(self.text, self.at)
            if found is not None:
                self.at = found.end()
                return _weight_of(form, found)
        escaped = self.text[self.at + 1 : self.at + 2]
        if not escaped:
            raise PatternError("it ends in a backslash")
        if (escaped.isalnum() and escaped not in _SIMPLE_ESCAPES | _CLASS_ESCAPES) or not escaped.isascii():
            raise PatternError("an unknown escape, or a back reference")
        if escaped == "_":
            raise PatternError("an unknown escape, or a back reference")
        self.at += 2
        return _UNICODE_WEIGHT if escaped in _CLASS_ESCAPES else _ASCII_WEIGHT

    def _class(self) -> None:
        self.at += 1
        weight = _ASCII_WEIGHT
        if self.text.startswith("^", self.at):
            weight, self.at = _UNICODE_WEIGHT * 2, self.at + 1
        first = True
        while first or not self.text.startswith("]", self.at):
            weight += self._class_part(first=first)
            first = False
        self.at += 1
        self.top.add(weight)

    def _class_part(self, *, first: bool) -> int:
        posix = _POSIX.match(self.text, self.at)
        if posix is not None:
            if posix[1] not in _POSIX_NAMES:
                raise PatternError("an unknown class of characters")
            self.at = posix.end()
            return _UNICODE_WEIGHT
        if self.text.startswith("-", self.at) and not first and not self.text.startswith("-]", self.at):
            raise PatternError("a range of characters without a start")
        low, weight = self._class_char()
        if not self.text.startswith("-", self.at) or self.text.startswith("-]", self.at):
            return weight
        self.at += 1
        high, _ = self._class_char()
        if low is None or high is None or high < low:
            raise PatternError("a range of characters that does not rise")
        return _UNICODE_WEIGHT * 2

    def _class_char(self) -> tuple[int | None, int]:
        """Read one character of a class: its code point when it may bound a range, and its cost."""
        if self.at >= len(self.text):
            raise PatternError("a bracket is not closed")
        char = self.text[self.at]
        if char != "\\":
            self.at += 1
            return ord(char), _ASCII_WEIGHT if char.isascii() else _UNICODE_WEIGHT
        start = self.at
        weight = self._escaped_weight()
        return _code_point(self.text[start : self.at]), weight


def _weight_of(form: re.Pattern[str], found: re.Match[str]) -> int:
    if form is _HEX:
        if int(found[1] or found[2], 16) > 0x10FFFF:
            raise PatternError("a character above U+10FFFF")
        return _UNICODE_WEIGHT
    if form is _PROPERTY:
        if (found[1] or found[3]) not in _CATEGORIES:
            raise PatternError("an unknown Unicode class")
        return _PROPERTY_WEIGHT
    return _UNICODE_WEIGHT


def _code_point(escape: str) -> int | None:
    """The character of an escape in a class; none for an escape that stands for several."""
    if escape[1] in _CLASS_ESCAPES | frozenset("pP"):
        return None
    if escape[1] == "x":
        return int(escape[2:].strip("{}"), 16)
    if escape[1].isdigit():
        return int(escape[1:], 8)
    named = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
    return named.get(escape[1], ord(escape[1]))


def check_pattern(pattern: str) -> None:
    """Raise `PatternError` unless RE2 compiles the pattern."""
    _Reader(pattern).read()
