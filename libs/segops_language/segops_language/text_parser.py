"""Reads the text form of a definition (see `text`): tokens, then one function for each rule of the grammar."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from segops_language.faults import DefinitionFault, InvalidDefinition
from segops_language.groups import Group
from segops_language.parse import parse_definition

MAX_TEXT_CHARS: Final = 256 * 1024
_MAX_VALUES: Final = 1_000
_MAX_DEPTH: Final = 16
"""Deeper than the language allows, which then says so with the path."""
_TOKEN: Final = re.compile(r'\s*(?:("(?:[^"\\\n]|\\.)*")|([{}\[\],])|([^\s{}\[\],"]+))')
_DURATION: Final = re.compile(r"-?[0-9]+[smhdw]")
_AGGREGATES: Final = ("sum", "avg", "min", "max", "distinct")
_WITHOUT_VALUE: Final = ("exists", "not_exists")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    at: int
    is_string: bool = False


def parse_text(text: str) -> Group:
    """The definition that a text says.

    Raises InvalidDefinition: with the fault `text-syntax` at `text`, which names line and column, for a text that does not
    follow the grammar; and as `parse_definition` does for one that does, and says what no definition may.
    """
    parser = _Parser(text)
    return parse_definition(parser.whole())


class _Parser:
    def __init__(self, text: str) -> None:
        self._source = text
        if len(text) > MAX_TEXT_CHARS:
            self._fail(0, f"a text has at most {MAX_TEXT_CHARS // 1024} KiB")
        self._tokens = self._split()
        self._next = 0

    def whole(self) -> Json:
        negate = self._takes("not")
        group = self._group(1) if self._peek().text in ("all", "any") else self._expected("`all of {` or `any of {`")
        if self._peek().text:
            self._expected("the end of the text")
        return _negated(group, negate)

    def _split(self) -> list[_Token]:
        tokens, at = [], 0
        while match := _TOKEN.match(self._source, at):
            tokens.append(_Token(match[match.lastindex or 0], match.start(match.lastindex or 0), match.lastindex == 1))
            at = match.end()
        if self._source[at:].strip():
            self._fail(at + len(self._source[at:]) - len(self._source[at:].lstrip()), "a string ends on its line")
        return [*tokens, _Token("", len(self._source))]

    def _node(self, depth: int) -> Json:
        negate = self._takes("not")
        token = self._peek()
        if not token.is_string and token.text in ("all", "any"):
            return _negated(self._group(depth), negate)
        rule = None if token.is_string else self._rules().get(token.text)
        return _negated(rule() if rule else self._expected("a condition"), negate)

    def _rules(self) -> Mapping[str, Callable[[], Json]]:
        return {
            "count": self._event_count,
            **dict.fromkeys(_AGGREGATES, self._event_aggregate),
            "first": self._occurrence,
            "last": self._occurrence,
            "sequence": self._event_sequence,
            "regular": self._event_regularity,
            "trait": self._user_property,
            "segment": self._segment,
            "sample": self._sample,
        }

    def _group(self, depth: int) -> Json:
        if depth > _MAX_DEPTH:
            self._fail(self._peek().at, "groups are nested too deeply")
        logic = "AND" if self._word() == "all" else "OR"
        self._take("of")
        self._take("{")
        conditions = []
        while not self._takes("}"):
            conditions.append(self._node(depth + 1))
        return {"logic": logic, "conditions": conditions}

    def _event_count(self) -> Json:
        self._take("count")
        node: Json = {"type": "event_count", "event_type": self._string()}
        if self._takes("per"):
            node["per"] = self._string()
        return node | self._operator() | self._window() | self._where()

    def _event_aggregate(self) -> Json:
        node: Json = {"type": "event_aggregate", "function": self._word(), "property": self._string()}
        self._take("of")
        return node | {"event_type": self._string()} | self._operator() | self._window() | self._where()

    def _occurrence(self) -> Json:
        node: Json = {"occurrence": self._word(), "event_type": self._string()}
        if self._takes("has"):
            return node | {"type": "event_match", "has": self._filters()} | self._where()
        if self._takes("exists"):
            return node | {"type": "event_match", "has": []} | self._where()
        return node | {"type": "event_time"} | self._operator() | self._where()

    def _event_sequence(self) -> Json:
        self._take("sequence")
        steps = [self._step()]
        while self._takes("then"):
            steps.append(self._step())
        self._take("within")
        return {"type": "event_sequence", "steps": steps, "within": self._duration()} | self._window()

    def _step(self) -> Json:
        return {"event_type": self._string()} | self._where()

    def _event_regularity(self) -> Json:
        self._take("regular")
        node: Json = {"type": "event_regularity", "event_type": self._string()}
        self._take("in")
        node["at_least"] = self._value()
        self._take("of")
        node["of"] = self._value()
        self._take("periods")
        node["period"] = self._duration()
        if self._goes_on("count"):
            node["count"] = self._value()
        return node | self._where()

    def _user_property(self) -> Json:
        self._take("trait")
        node: Json = {"type": "user_property"} | self._filter()
        if self._takes("held"):
            node["held_for"] = {"operator": self._word(), "duration": self._duration()}
        return node

    def _segment(self) -> Json:
        self._take("segment")
        return {"type": "segment", "segment_id": self._value()}

    def _sample(self) -> Json:
        self._take("sample")
        node: Json = {"type": "sample", "percent": self._value()}
        self._take("percent")
        return node | ({"seed": self._string()} if self._takes("seed") else {})

    def _filter(self) -> Json:
        return {"property": self._string()} | self._operator()

    def _filters(self) -> list[Json]:
        filters = [self._filter()]
        while self._takes("and"):
            filters.append(self._filter())
        return filters

    def _where(self) -> Json:
        return {"where": self._filters()} if self._takes("where") else {}

    def _operator(self) -> Json:
        name = self._word()
        return {"operator": name} if name in _WITHOUT_VALUE else {"operator": name, "value": self._value()}

    def _window(self) -> Json:
        if self._goes_on("last"):
            return {"window": {"last": self._duration()}}
        window = {end: self._point() for end in ("from", "to") if self._takes(end)}
        return {"window": window} if window else {}

    def _point(self) -> str:
        return self._string() if self._peek().is_string else self._duration()

    def _duration(self) -> str:
        token = self._peek()
        if token.is_string or not _DURATION.fullmatch(token.text):
            self._expected("a duration such as 30d")
        return self._word()

    def _value(self) -> Any:
        if self._takes("["):
            values = [self._scalar()]
            while self._takes(","):
                values.append(self._scalar())
                if len(values) > _MAX_VALUES:
                    self._fail(self._peek().at, f"a list has at most {_MAX_VALUES} values")
            self._take("]")
            return values
        return self._scalar()

    def _scalar(self) -> Any:
        token = self._peek()
        if token.is_string:
            return self._string()
        if _DURATION.fullmatch(token.text):
            return self._word()
        try:
            value = json.loads(token.text, parse_constant=_no_constant)
        except ValueError:
            self._expected("a value")
        if value is None or isinstance(value, dict | list):
            self._expected("a value")
        self._next += 1
        return value

    def _string(self) -> str:
        token = self._peek()
        if not token.is_string:
            self._expected('a name in quotes, such as "page_viewed"')
        try:
            found: str = json.loads(token.text)
        except ValueError:
            self._fail(token.at, "the string has an escape that JSON does not know")
        self._next += 1
        return found

    def _word(self) -> str:
        token = self._peek()
        if token.is_string or token.text in ("", *"{}[],"):
            self._expected("a word")
        self._next += 1
        return token.text

    def _take(self, text: str) -> None:
        if not self._takes(text):
            self._expected(f"`{text}`")

    def _takes(self, text: str) -> bool:
        token = self._peek()
        found = token.text == text and not token.is_string
        self._next += found
        return found

    def _goes_on(self, text: str) -> bool:
        """Takes a word that could also begin the next condition: there, a name in quotes follows."""
        return not self._tokens[min(self._next + 1, len(self._tokens) - 1)].is_string and self._takes(text)

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _expected(self, what: str) -> NoReturn:
        self._fail(self._peek().at, f"expected {what}")

    def _fail(self, at: int, what: str) -> NoReturn:
        before = self._source[:at]
        line, column = before.count("\n") + 1, at - before.rfind("\n")
        fault = DefinitionFault("text", "text-syntax", f"line {line}, column {column}: {what}")
        raise InvalidDefinition("The text cannot be read.", [fault])


def _negated(node: Json, negate: bool) -> Json:
    return node | {"negate": True} if negate else node


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
