"""The tokens of a text form, and the parts of the grammar that conditions share."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from segops_language.faults import InvalidDefinition, LanguageFault
from segops_language.operators import OPERATORS

MAX_TEXT_CHARS: Final = 256 * 1024
_MAX_VALUES: Final = 1_000
_TOKEN: Final = re.compile(r'\s*(?:("(?:[^"\\\n]|\\.)*")|([{}\[\],])|([^\s{}\[\],"]+))')
_DURATION: Final = re.compile(r"-?[0-9]+[smhdw]")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    at: int
    is_string: bool = False


class TokenReader:
    """Reads a text from left to right; every method but `peek` raises InvalidDefinition with line and column."""

    def __init__(self, text: str) -> None:
        self._source = text
        if len(text) > MAX_TEXT_CHARS:
            self._fail(0, f"a text must have at most {MAX_TEXT_CHARS // 1024} KiB")
        self._tokens = self._split()
        self._next = 0

    def _split(self) -> list[_Token]:
        tokens, at = [], 0
        while match := _TOKEN.match(self._source, at):
            tokens.append(_Token(match[match.lastindex or 0], match.start(match.lastindex or 0), match.lastindex == 1))
            at = match.end()
        rest = self._source[at:]
        if rest.strip():
            self._fail(at + len(rest) - len(rest.lstrip()), "a string must end on the line on which it begins")
        return [*tokens, _Token("", len(self._source))]

    def peek(self, ahead: int = 0) -> str:
        """Return a word or a sign that follows; empty for a string in quotes and at the end."""
        token = self._tokens[min(self._next + ahead, len(self._tokens) - 1)]
        return "" if token.is_string else token.text

    def at_end(self) -> bool:
        """Return whether nothing follows."""
        return self._next == len(self._tokens) - 1

    def take(self, text: str) -> None:
        """Read this word or sign."""
        if not self.take_if(text):
            self.fail_expecting(f"`{text}`")

    def take_if(self, text: str) -> bool:
        """Read this word or sign if it follows; return whether it did."""
        follows = self.peek() == text
        self._next += follows
        return follows

    def take_option(self, text: str) -> bool:
        """Read a word that could also begin the next condition, where a name in quotes would follow."""
        return not self._tokens[min(self._next + 1, len(self._tokens) - 1)].is_string and self.take_if(text)

    def word(self) -> str:
        """Read any word."""
        text = self.peek()
        if text in ("", *"{}[],"):
            self.fail_expecting("a word")
        self._next += 1
        return text

    def string(self) -> str:
        """Read a JSON string."""
        token = self._tokens[self._next]
        if not token.is_string:
            self.fail_expecting('a name in quotes, such as "page_viewed"')
        try:
            value: str = json.loads(token.text)
        except ValueError:
            self._fail(token.at, "the string must have no escape that JSON does not know")
        self._next += 1
        return value

    def duration(self) -> str:
        """Read a duration, which may be negative."""
        if not _DURATION.fullmatch(self.peek()):
            self.fail_expecting("a duration such as 30d")
        return self.word()

    def value(self) -> Any:
        """Read a scalar, a duration or a list of them."""
        if not self.take_if("["):
            return self._scalar()
        values = [self._scalar()]
        while self.take_if(","):
            values.append(self._scalar())
            if len(values) > _MAX_VALUES:
                self.fail_here(f"a list must have at most {_MAX_VALUES} values")
        self.take("]")
        return values

    def _scalar(self) -> Any:
        if self._tokens[self._next].is_string:
            return self.string()
        text = self.peek()
        if _DURATION.fullmatch(text):
            return self.word()
        try:
            value = json.loads(text, parse_constant=_no_constant)
        except ValueError:
            self.fail_expecting("a value")
        if value is None or isinstance(value, dict | list):
            self.fail_expecting("a value")
        self._next += 1
        return value

    def operator(self) -> Json:
        """Read an operator, and a value unless it takes none."""
        name = self.word()
        takes_value = name not in OPERATORS or OPERATORS[name].value != "none"
        return {"operator": name, "value": self.value()} if takes_value else {"operator": name}

    def filter(self) -> Json:
        """Read a property and its operator."""
        return {"property": self.string()} | self.operator()

    def filters(self) -> list[Json]:
        """Read filters joined by `and`."""
        filters = [self.filter()]
        while self.take_if("and"):
            filters.append(self.filter())
        return filters

    def where(self) -> Json:
        """Read `where` and its filters, if they follow."""
        return {"where": self.filters()} if self.take_if("where") else {}

    def window(self) -> Json:
        """Read a window, if one follows."""
        if self.take_option("last"):
            return {"window": {"last": self.duration()}}
        window = {end: self._point() for end in ("from", "to") if self.take_if(end)}
        return {"window": window} if window else {}

    def _point(self) -> str:
        return self.string() if self._tokens[self._next].is_string else self.duration()

    def fail_expecting(self, what: str) -> NoReturn:
        """Refuse the next token."""
        self.fail_here(f"expected {what}")

    def fail_here(self, detail: str) -> NoReturn:
        """Refuse the text at the next token."""
        self._fail(self._tokens[self._next].at, detail)

    def _fail(self, at: int, detail: str) -> NoReturn:
        before = self._source[:at]
        line, column = before.count("\n") + 1, at - before.rfind("\n")
        fault = LanguageFault("text", "text-syntax", f"line {line}, column {column}: {detail}")
        raise InvalidDefinition("The text is not a valid definition.", [fault])


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
