"""Checks the payload of an event against the schema of its type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal

from segops_common.event_schemas.conversion import CONVERSIONS, EXPECTATIONS, MISFIT, kind_of
from segops_common.event_schemas.model import EventSchema, Mode, PropertyRule
from segops_language.values.texts import path_keys

MAX_VIOLATIONS: Final = 20
"""Violations of one event that are reported."""
_Keys = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that an event breaks. It contains no value of the event, only what type a value has."""

    property: str
    code: Literal["missing-property", "wrong-property-type"]
    detail: str


@dataclass(frozen=True, slots=True)
class Checked:
    """The payload with converted values, which is the same object if there are none, and what is wrong with it."""

    payload: dict[str, Any]
    converted: Sequence[str] = ()
    violations: Sequence[Violation] = ()


class SchemaCheck:
    """A schema in the form in which it is applied to events."""

    def __init__(self, schema: EventSchema) -> None:
        self.event_type = schema.event_type
        self.mode: Mode = schema.mode
        self._rules: list[tuple[PropertyRule, _Keys, Callable[[Any], Any]]] = [
            (rule, path_keys(rule.name), CONVERSIONS[rule.type]) for rule in schema.properties
        ]

    def apply(self, payload: dict[str, Any]) -> Checked:
        """Return the payload as it is stored. Null counts as absent. Properties without a rule stay as they are."""
        violations: list[Violation] = []
        converted: list[tuple[str, _Keys, Any]] = []
        for rule, keys, convert in self._rules:
            value = _look_up(payload, keys)
            if value is None:
                if rule.required:
                    violations.append(self._missing(rule))
                continue
            result = convert(value)
            if result is MISFIT:
                violations.append(self._misfit(rule, value))
            elif result is not value:
                converted.append((rule.name, keys, result))
        if converted:
            payload = dict(payload)
        for _, (first, *rest), result in converted:
            payload[first] = _replaced(payload[first], rest, result) if rest else result
        return Checked(payload, [name for name, _, _ in converted], [*islice(violations, MAX_VIOLATIONS)])

    def _missing(self, rule: PropertyRule) -> Violation:
        return Violation(rule.name, "missing-property", f"must be present in events of type `{self.event_type}`")

    def _misfit(self, rule: PropertyRule, value: Any) -> Violation:
        expected = f"must be {EXPECTATIONS[rule.type]} in events of type `{self.event_type}`"
        return Violation(rule.name, "wrong-property-type", f"{expected}; it is {kind_of(value)}")


def _look_up(payload: dict[str, Any], keys: _Keys) -> Any:
    value: Any = payload
    for key in keys:
        if type(value) is not dict:
            return None
        value = value.get(key)
    return value


def _replaced(value: dict[str, Any], keys: Sequence[str], result: Any) -> dict[str, Any]:
    """Return a copy with another value at this place. Objects that do not lead to it are shared with the original."""
    first, *rest = keys
    return {**value, first: _replaced(value[first], rest, result) if rest else result}
